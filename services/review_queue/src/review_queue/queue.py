"""SQL room: leases of review tasks, from the first to the last."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import CursorResult, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import fitting
from review_queue import projects, tables
from review_queue.assurance import checks, honeypots
from review_queue.assurance.honeypots import Pot
from review_queue.errors import LeaseInvalid, LeaseLost, TaskNotFound
from review_queue.filter import parse
from review_queue.measures.experiments import hide
from review_queue.priority import rank
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import eligible
from review_queue.routing.policy import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS
from review_queue.routing.turn import Turn
from review_queue.shown import Sent, Shown, from_row, shown
from review_queue.taking import EVERYTHING, Taking

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


async def lease_next(
    db: Database, tenant: str, project_id: str, reviewer: str, asked: Wanted
) -> tuple[Project, list[Lease]]:
    """Lease open tasks that the reviewer may take, overdue ones first, then in the queue's order; and the project.

    Where all of them are more than one answer can carry, the last ones go back at once. Raises ProjectNotFound,
    LeaseInvalid, FilterInvalid or PoolForbidden.
    """
    if not 0 <= asked.max_tasks <= MAX_TASKS:
        raise LeaseInvalid
    # The statement that leases sees to it that this project is as it is now.
    project = projects.last(tenant, project_id)
    if project is None or not _alone(project, asked):
        project = await projects.read(db, tenant, project_id)
    while True:
        leases = await _lease(db, project, reviewer, asked)
        if leases:
            return project, leases
        before, project = project, await projects.read(db, tenant, project_id)
        if projects.as_seen(before) == projects.as_seen(project):
            return project, []


def _alone(project: Project, asked: Wanted) -> bool:
    """Whether nothing can come before or after the statement that leases, which then needs no transaction."""
    more = asked.pool or project.check_share or project.routing.sla_hours or project.holdout.share
    return asked.max_tasks <= 1 and not more


async def _lease(db: Database, project: Project, reviewer: str, asked: Wanted) -> list[Lease]:
    length = lease_us(asked.seconds or project.routing.lease_seconds)
    reach, now = eligible.reach(project, reviewer, asked.pool), now_us()
    taking = Taking(project, reviewer, now, now + length, reach, parse(asked.filter))
    wanted = asked.max_tasks or 1
    # Who asks for tasks of some kind gets nothing else.
    to_check = 0 if asked.pool or taking.filter != EVERYTHING else wanted
    async with db.write_one() if _alone(project, asked) else db.begin() as conn:
        checked = await checks.take(conn, project, reviewer, to_check, now, taking.expire)
        rows = await taking.some(conn, wanted - len(checked))
        tokens = dict(checked.tasks) | {row.uid: row.fencing_token for row in rows}
        if await hide(conn, project, list(tokens)) or checked:
            tasks = await shown(conn, project, list(tokens), now, leased=True)
        else:
            tasks = [from_row(row, now) for row in rows]
        leases = [Lease(task, tokens[task.uid], taking.expire) for task in tasks]
        if checked:
            pots = (_pot(pot, reviewer, taking.expire) for pot in checked.pots)
            leases = _mixed(project, [*leases, *pots])
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
