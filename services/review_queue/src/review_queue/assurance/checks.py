"""SQL room: the share of leases that come from the random sample and from gold.

Without it an audit would wait at the end of the queue, where confidence puts it, and a bound would rest on the doubtful
ones alone. Which leases these are is drawn anew each time, so nobody can tell them from the others.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import tables as shared
from review_queue import task_rows
from review_queue.assurance import honeypots
from review_queue.assurance.honeypots import Pot
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import eligible

_t = shared.tasks.c
_draw = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Checks:
    """What is handed out besides the top of the queue: tasks (uid and fencing token) and honeypots."""

    tasks: Sequence[tuple[str, int]] = ()
    pots: Sequence[Pot] = ()

    def __len__(self) -> int:
        return len(self.tasks) + len(self.pots)


async def take(
    conn: AsyncConnection, project: Project, reviewer: str, wanted: int, now: int, expire: int
) -> Checks:
    """Lease what of `wanted` leases falls to the random sample and to gold: half of it each where there are both."""
    n = sum(_draw.random() < project.check_share for _ in range(wanted))
    if not n:
        return Checks()
    tests = sum(_draw.random() < 0.5 for _ in range(n))
    pots = await honeypots.take(conn, project, reviewer, tests, now, expire) if tests else []
    tasks = await _sampled(conn, project, reviewer, n - len(pots), now, expire) if len(pots) < n else []
    return Checks(tasks, pots)


async def _sampled(
    conn: AsyncConnection, project: Project, reviewer: str, limit: int, now: int, expire: int
) -> list[tuple[str, int]]:
    """Lease drawn tasks in the order of import, whatever their priority."""
    free = (
        _t.project_uid == project.uid,
        _t.state == TaskState.OPEN,
        or_(_t.audit > 0, _t.sealed > 0),
        _t.lease_expire_us <= now,
        *eligible.within(eligible.reach(project, reviewer, "")),
    )
    first = select(_t.uid).where(*free).order_by(_t.uid).limit(limit).with_for_update(skip_locked=True)
    chosen = first.cte("first").prefix_with("MATERIALIZED")
    taken = await conn.execute(
        update(shared.tasks)
        .where(_t.uid.in_(select(chosen.c.uid)))
        .values(task_rows.handed_to(reviewer, expire))
        .returning(_t.uid, _t.fencing_token),
        {"taker": reviewer, "at_us": now},
    )
    return [(uid, token) for uid, token in taken]
