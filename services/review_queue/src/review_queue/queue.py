"""SQL room: leasing review tasks.

The next tasks are leased by one statement over the index (project, state, rank, uid). It reads down from the top,
past tasks under a live lease, so its cost depends on how many people are at work, not on how many tasks there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import fitting
from review_queue import listing, tables, task_rows
from review_queue.assurance import checks, honeypots
from review_queue.assurance.honeypots import Pot
from review_queue.conditions import condition, moment
from review_queue.errors import LeaseInvalid, LeaseLost, TaskNotFound
from review_queue.filter import Expression, parse
from review_queue.measures.experiments import hide
from review_queue.priority import rank
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import eligible
from review_queue.routing.policy import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS
from review_queue.routing.turn import Turn
from review_queue.shown import Sent, Shown, shown

MAX_TASKS = 100
DEFAULT_LEASE_SECONDS = 600
_t = tables.tasks.c


@dataclass(frozen=True, slots=True)
class Lease:
    """A task handed to a person until `expire_time_us`, proved by the token."""

    task: Shown
    fencing_token: int
    expire_time_us: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Up to `max_tasks` (0 means 1) leases of so many seconds (0: as the policy says) of tasks of the pool, and that
    the filter (AIP-160) holds for; empty ones leave nothing out."""

    max_tasks: int = 1
    seconds: int = 0
    pool: str = ""
    filter: str = ""


def lease_us(seconds: int) -> int:
    """Length of a lease in microseconds; 0 seconds means the default. Raises LeaseInvalid."""
    if seconds and not MIN_LEASE_SECONDS <= seconds <= MAX_LEASE_SECONDS:
        raise LeaseInvalid
    return (seconds or DEFAULT_LEASE_SECONDS) * 1_000_000


async def lease_next(db: Database, project: Project, reviewer: str, asked: Wanted) -> list[Lease]:
    """Lease open tasks that the reviewer may take, overdue ones first, then in the queue's order.

    Where all of them are more than one answer can carry, the last ones go back at once. Raises LeaseInvalid,
    FilterInvalid or PoolForbidden.
    """
    if not 0 <= asked.max_tasks <= MAX_TASKS:
        raise LeaseInvalid
    length = lease_us(asked.seconds or project.routing.lease_seconds)
    expression = parse(asked.filter)
    async with db.begin() as conn:
        now = now_us()
        wanted, end = asked.max_tasks or 1, now + length
        # Who asks for tasks of some kind gets nothing else.
        any_kind = not asked.pool and not asked.filter.strip()
        checked = await checks.take(conn, project, reviewer, wanted if any_kind else 0, now, end)
        taking = _Taking(conn, project, reviewer, now, end, asked.pool, expression)
        leased = [*checked.tasks, *await taking.some(wanted - len(checked))]
        await hide(conn, project, [uid for uid, _ in leased])
        tasks = await shown(conn, project, [uid for uid, _ in leased], now, leased=True)
        leases = [Lease(task, token, end) for task, (_, token) in zip(tasks, leased, strict=True)]
        if checked:
            leases = _mixed(project, [*leases, *(_pot(pot, reviewer, end) for pot in checked.pots)])
        n = fitting(lease.task.size for lease in leases)
        await _give_back(conn, project, reviewer, leases[n:], now)
    return leases[:n]


def _pot(pot: Pot, reviewer: str, end: int) -> Lease:
    task = Shown(
        uid=pot.uid,
        state=TaskState.LEASED,
        terms=pot.terms,
        reviewer=reviewer,
        prediction_error="",
        pool="",
        turn=Turn(),
        sent=Sent(),
        asset=pot.asset,
        label=pot.label,
        findings=pot.findings,
    )
    return Lease(task, pot.fencing_token, end)


def _mixed(project: Project, leases: list[Lease]) -> list[Lease]:
    """In priority order as the reviewer sees it, so that the place of a lease does not tell what it is."""
    weights = project.definition.weights
    return sorted(leases, key=lambda lease: (rank(lease.task.terms, weights), lease.task.uid))


@dataclass(frozen=True, slots=True)
class _Taking:
    """What one call takes from: rows that are free for the reviewer; leases end at `expire`."""

    conn: AsyncConnection
    project: Project
    reviewer: str
    now: int
    expire: int
    pool: str
    filter: Expression

    async def some(self, limit: int) -> list[tuple[str, int]]:
        """Uids and fencing tokens of newly leased tasks, first in the queue first."""
        late = eligible.overdue(self.project, self.reviewer, self.now) if limit else None
        found = []
        if late is not None:
            pools = eligible.in_pools(self.project, self.reviewer, self.pool) if self.pool else []
            found = await self._first(limit, [*late, *pools], (_t.create_time_us, _t.uid))
        if len(found) < limit:
            pools = eligible.in_pools(self.project, self.reviewer, self.pool)
            found += await self._first(limit - len(found), pools, (_t.rank, _t.uid))
        return found

    async def _first(
        self, limit: int, which: Sequence[ColumnElement[bool]], order: tuple[ColumnElement[Any], ...]
    ) -> list[tuple[str, int]]:
        free = and_(
            _t.project_uid == self.project.uid,
            _t.state == TaskState.OPEN,
            _t.lease_expire_us <= self.now,
            *which,
            *eligible.for_reviewer(self.project, self.reviewer, self.now),
            condition(self.filter, moment(self.conn, self.project, self.now)),
        )
        source = listing.source(self.filter)
        # Rows that another reviewer is taking this moment are skipped, not waited for. SQLite has one writer at a time.
        first = select(_t.uid).select_from(source).where(free).order_by(*order).limit(limit)
        chosen = (
            first.with_for_update(skip_locked=True, of=tables.tasks).cte("first").prefix_with("MATERIALIZED")
        )
        taken = await self.conn.execute(
            update(tables.tasks)
            .where(_t.uid.in_(select(chosen.c.uid)))
            .values(task_rows.handed_to(self.reviewer, self.expire))
            .returning(*order, _t.fencing_token)
        )
        return [(uid, token) for _, uid, token in sorted(taken)]


async def _give_back(
    conn: AsyncConnection, project: Project, reviewer: str, leases: Sequence[Lease], now: int
) -> None:
    if leases:
        mine = and_(_t.uid.in_([lease.task.uid for lease in leases]), _t.state == TaskState.OPEN)
        await conn.execute(update(tables.tasks).where(mine).values(lease_expire_us=0))
    for lease in leases:
        await honeypots.change(conn, project, lease.task.uid, reviewer, lease.fencing_token, now, 0)


async def renew(db: Database, project: Project, uid: str, reviewer: str, token: int, seconds: int) -> int:
    """Let a lease end that long from now; returns when, in microseconds since the epoch.

    Raises TaskNotFound, LeaseLost or LeaseInvalid.
    """
    expire = now_us() + lease_us(seconds)
    await _change(db, project, uid, reviewer, token, expire)
    return expire


async def release(db: Database, project: Project, uid: str, reviewer: str, token: int) -> None:
    """Give a task back unanswered; raises TaskNotFound or LeaseLost."""
    await _change(db, project, uid, reviewer, token, 0)


async def _change(db: Database, project: Project, uid: str, reviewer: str, token: int, expire: int) -> None:
    async with db.begin() as conn:
        changed: CursorResult[tuple[()]] = await conn.execute(
            update(tables.tasks)
            .where(
                _t.uid == uid,
                _t.project_uid == project.uid,
                _t.state == TaskState.OPEN,
                _t.reviewer == reviewer,
                _t.fencing_token == token,
                _t.lease_expire_us > now_us(),
            )
            .values(lease_expire_us=expire)
        )
        if changed.rowcount:
            return
        if not await honeypots.change(conn, project, uid, reviewer, token, now_us(), expire):
            there = select(_t.uid).where(_t.uid == uid, _t.project_uid == project.uid)
            raise LeaseLost if (await conn.execute(there)).first() else TaskNotFound
