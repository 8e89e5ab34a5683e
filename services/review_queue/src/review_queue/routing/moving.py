"""SQL room: tasks that go from one person to others unanswered: sent back, escalated, passed over."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from chassis.ids import new_uid
from labels.label import LabelKind
from review_queue import requests, tables
from review_queue.assurance import honeypots
from review_queue.errors import EtagMismatch, LeaseLost, PoolUnknown, SendBackToNobody, TaskNotFound
from review_queue.lineage.digest import Kind
from review_queue.lineage.entries import enter
from review_queue.measures.rollup import rework
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import Decision, Submission, TaskState
from review_queue.revisions import etag
from review_queue.routing import placing
from review_queue.routing.tables import engagements, moves

SKIP_US = 24 * 3_600_000_000
"""How long nobody sees again what they passed over."""
_HOUR_US = 3_600_000_000
_t, _l, _e = tables.tasks.c, tables.labels.c, engagements.c


@dataclass(frozen=True, slots=True)
class _Goal:
    """Whom a task goes to: a person, the people of a pool, or (both empty) anyone."""

    person: str = ""
    pool: str = ""


async def move(db: Database, project: Project, uid: str, submission: Submission, request: Request) -> None:
    """Give a leased task to others, with the reason, in one commit.

    Raises TaskNotFound, LeaseLost, EtagMismatch, SendBackToNobody, PoolUnknown or RequestIdReused.
    """
    now = now_us()
    async with db.begin() as conn:
        if await requests.claim(conn, project.uid, request) is not None:
            return
        row = await _locked(conn, project, uid)
        if row.state == TaskState.DONE:
            # What looks like a task is a honeypot, and goes back like one.
            found = await honeypots.change(
                conn, project, uid, submission.reviewer, submission.fencing_token, now, 0
            )
            if not found:
                raise LeaseLost
            return
        _check(row, submission, now)
        if submission.decision is Decision.SKIP:
            await _pass_over(conn, project, row, submission, now)
        else:
            await _send(conn, project, row, submission, now)


async def _locked(conn: AsyncConnection, project: Project, uid: str) -> Row[*tuple[Any, ...]]:
    query = (
        select(tables.tasks, _l.revision.label("shown_revision"))
        .outerjoin(tables.labels, _l.uid == _t.leased_label_uid)
        .where(_t.uid == uid, _t.project_uid == project.uid)
        .with_for_update(of=tables.tasks)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise TaskNotFound
    return row


def _check(row: Row[*tuple[Any, ...]], submission: Submission, now: int) -> None:
    alive = row.state == TaskState.OPEN and row.lease_expire_us > now
    if not alive or (row.reviewer, row.fencing_token) != (submission.reviewer, submission.fencing_token):
        raise LeaseLost
    seen = etag(row.leased_label_uid, row.shown_revision) if row.leased_label_uid else ""
    overruled = row.label_uid != row.leased_label_uid and row.label_kind != LabelKind.PREDICTION.value
    if submission.base_etag != seen or (overruled and not row.hidden_label_uid):
        raise EtagMismatch


async def _pass_over(
    conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]], submission: Submission, now: int
) -> None:
    values = {
        "task_uid": row.uid,
        "reviewer": submission.reviewer,
        "project_uid": project.uid,
        "answered": 0,
        "until_us": now + SKIP_US,
    }
    inserted = await conn.execute(insert_ignore(conn, engagements).values(values))
    if not inserted.rowcount:
        mine = (_e.task_uid == row.uid, _e.reviewer == submission.reviewer)
        await conn.execute(update(engagements).where(*mine).values(until_us=now + SKIP_US))
    # Who passes over what was sent back to them leaves it to others.
    kept = {"sent_to": ""} if row.sent_to == submission.reviewer else {}
    await conn.execute(update(tables.tasks).where(_t.uid == row.uid).values(lease_expire_us=0, **kept))
    await _note(conn, project, row, submission, _Goal(), now)


async def _send(
    conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]], submission: Submission, now: int
) -> None:
    goal = _goal(project, row, submission)
    wait_us = round(project.routing.send_back_hours * _HOUR_US)
    await conn.execute(
        update(tables.tasks)
        .where(_t.uid == row.uid)
        .values(
            lease_expire_us=0,
            sent_by=submission.reviewer,
            sent_to=goal.person,
            sent_pool=goal.pool,
            sent_reason=submission.reason,
            sent_until_us=now + wait_us if goal.person else 0,
        )
    )
    await placing.place(conn, project, [row.uid])
    await _note(conn, project, row, submission, goal, now)
    if submission.decision is Decision.SEND_BACK:
        await _review(conn, project, row, submission, now)


def _goal(project: Project, row: Row[*tuple[Any, ...]], submission: Submission) -> _Goal:
    known = {pool.name for pool in project.routing.pools}
    if submission.pool and submission.pool not in known:
        raise PoolUnknown(f'The queue\'s policy has no pool "{submission.pool[:64]}".')
    if submission.decision is Decision.ESCALATE:
        pool = submission.pool or project.routing.escalation_pool
        if not pool:
            raise PoolUnknown
        return _Goal(pool=pool)
    if submission.pool:
        return _Goal(pool=submission.pool)
    by_person = row.label_kind in (LabelKind.DEFAULT.value, LabelKind.REVIEW.value)
    if not by_person or not row.author or row.author == submission.reviewer:
        raise SendBackToNobody
    return _Goal(person=row.author)


async def _note(
    conn: AsyncConnection,
    project: Project,
    row: Row[*tuple[Any, ...]],
    submission: Submission,
    goal: _Goal,
    now: int,
) -> None:
    await conn.execute(
        insert(moves).values(
            uid=new_uid(),
            project_uid=project.uid,
            task_uid=row.uid,
            move=submission.decision.value,
            moved_by=submission.reviewer,
            moved_to=goal.person,
            pool=goal.pool,
            reason=submission.reason,
            create_time_us=now,
        )
    )


async def _review(
    conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]], submission: Submission, now: int
) -> None:
    """A label that is sent back was reviewed, and is to be made again."""
    review = {
        "uid": new_uid(),
        "project_uid": project.uid,
        "asset_uid": row.uid,
        "base_label_uid": row.leased_label_uid,
        "label_uid": "",
        "reviewer": submission.reviewer,
        "decision": submission.decision.value,
        "reason": submission.reason,
        "ops": b"",
        "active_seconds": submission.active_seconds,
        "create_time_us": now,
        "run_uid": "",
        "arm": 0,
        "experiment": 0,
    }
    await conn.execute(insert(tables.reviews).values(review))
    await enter(conn, Kind.REVIEW, [review])
    if row.label_kind == LabelKind.REVIEW.value:
        await rework(conn, row.label_uid)
