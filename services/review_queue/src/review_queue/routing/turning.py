"""SQL room: a task after an answer that was not, or not by itself, the last."""

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from review_queue import tables, task_rows
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import placing
from review_queue.routing.tables import engagements
from review_queue.routing.turn import Step

CONSENSUS = "consensus"
"""Whose lease a task is under while its answers are compared, and who made the label that comes of it."""
SETTLE_US = 3_600_000_000
"""How long that may take; then one more person is asked."""
_t, _e = tables.tasks.c, engagements.c


async def turn(conn: AsyncConnection, project: Project, uid: str, reviewer: str, step: Step) -> None:
    """Store the task's turn. What it was sent for has come."""
    values = {
        "answers": step.turn.answers,
        "answers_wanted": step.turn.wanted,
        "stage": int(step.turn.stage),
        "answered_by": step.turn.answered_by,
        "sent_by": "",
        "sent_to": "",
        "sent_pool": "",
        "sent_reason": "",
        "sent_until_us": 0,
    }
    await conn.execute(update(tables.tasks).where(_t.uid == uid).values(values))
    if step.done:
        await conn.execute(delete(engagements).where(_e.task_uid == uid))
        return
    if step.aside:
        await _set_aside(conn, project, uid, reviewer)
    if step.settles:
        await _settle(conn, uid)
    await placing.place(conn, project, [uid])


async def _set_aside(conn: AsyncConnection, project: Project, uid: str, reviewer: str) -> None:
    values = {"task_uid": uid, "reviewer": reviewer, "project_uid": project.uid, "answered": 1, "until_us": 0}
    inserted = await conn.execute(insert_ignore(conn, engagements).values(values))
    if not inserted.rowcount:
        mine = (_e.task_uid == uid, _e.reviewer == reviewer)
        await conn.execute(update(engagements).where(*mine).values(answered=1))


async def _settle(conn: AsyncConnection, uid: str) -> None:
    """Keep people from the task while its answers are compared; if nothing comes of that, the lease ends by itself."""
    await conn.execute(
        update(tables.tasks)
        .where(_t.uid == uid, _t.state == TaskState.OPEN)
        .values(task_rows.handed_to(CONSENSUS, now_us() + SETTLE_US))
    )
