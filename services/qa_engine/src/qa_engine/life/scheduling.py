"""SQL of schedules: which rule is due, and who starts its run.

A row says when a rule is due next. Who moves that on starts the run in the same transaction, so that of several
replicas one does. Periods are multiples of the minutes since the Unix epoch, UTC; those that pass while nobody is there
are not made up for.
"""

from typing import Any

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from qa_engine import projects
from qa_engine.engine import Engine
from qa_engine.errors import RuleUnknown
from qa_engine.life import runs, starting
from qa_engine.life.run import RunKind, RunState
from qa_engine.life.tables import rule_runs, rule_schedules, run_hits
from qa_engine.projects import Project
from qa_engine.rule import Rule, Settings

AT_ONCE = 20
"""Rules that are started in one transaction."""
KEPT = 100
"""Runs of a rule on its schedule that are kept, beside those that changed a label."""
_MINUTE_US = 60_000_000
_s, _r = rule_schedules.c, rule_runs.c


def next_due(now_us: int, minutes: int) -> int:
    """When the period after this one begins, microseconds since the Unix epoch, UTC."""
    period = minutes * _MINUTE_US
    return (now_us // period + 1) * period


async def put(conn: AsyncConnection, project_uid: str, rule: Rule, settings: Settings, now_us: int) -> None:
    """Have a rule asked from now on as its settings say, at once where it was not asked in that period already."""
    minutes = settings.conduct.schedule_minutes
    mine = (_s.project_uid == project_uid) & (_s.rule == rule.id)
    if rule.scheduled is None or not minutes:
        await conn.execute(delete(rule_schedules).where(mine))
        return
    if not settings.enabled:
        # Its row stays, so that turning it on again within the period asks nothing twice.
        return
    row = {"version": rule.version, "minutes": minutes, "due_time_us": now_us}
    await upsert(
        conn,
        rule_schedules,
        [{"project_uid": project_uid, "rule": rule.id, **row}],
        replaced=row,
        where=_other,
    )


def _other(new: Any) -> ColumnElement[bool]:
    return or_(_s.version != new.version, _s.minutes != new.minutes)


async def any_due(conn: AsyncConnection, now_us: int) -> bool:
    """Whether a rule is due."""
    return await conn.scalar(select(_s.rule).where(_s.due_time_us <= now_us).limit(1)) is not None


async def start_due(conn: AsyncConnection, engine: Engine, now_us: int) -> int:
    """Start the runs of at most AT_ONCE rules that are due; how many were due."""
    query = select(rule_schedules).where(_s.due_time_us <= now_us)
    due = (await conn.execute(query.order_by(_s.due_time_us, _s.project_uid, _s.rule).limit(AT_ONCE))).all()
    known = await projects.by_uid(conn, {row.project_uid for row in due})
    # In one order for everyone, or two transactions could wait for each other.
    for row in sorted(due, key=lambda row: (row.project_uid, row.rule)):
        if await _moved_on(conn, row, now_us):
            await _start(conn, engine, known.get(row.project_uid), row, now_us)
    return len(due)


async def _moved_on(conn: AsyncConnection, row: Row[tuple[object, ...]], now_us: int) -> bool:
    """Whether it is this transaction that moves the rule to its next period."""
    mine = (_s.project_uid == row.project_uid) & (_s.rule == row.rule) & (_s.due_time_us == row.due_time_us)
    later = update(rule_schedules).where(mine).values(due_time_us=next_due(now_us, row.minutes))
    return (await conn.execute(later)).rowcount == 1


async def _start(
    conn: AsyncConnection,
    engine: Engine,
    project: Project | None,
    row: Row[tuple[object, ...]],
    now_us: int,
) -> None:
    """Start one rule's run, unless the former one still works; forget a schedule that does not hold any more."""
    try:
        rule = None if project is None else engine.rule(row.rule, project.ruleset)
    except RuleUnknown:
        rule = None
    settings = None if project is None or rule is None else rule.settings(project.ruleset)
    if project is None or rule is None or settings is None or not _holds(row, rule, settings):
        mine = (_s.project_uid == row.project_uid) & (_s.rule == row.rule)
        await conn.execute(delete(rule_schedules).where(mine))
        return
    mine = (_r.project_uid == project.uid) & (_r.rule == rule.id) & (_r.kind == RunKind.SCHEDULE.value)
    if await conn.scalar(select(_r.uid).where(mine, _r.state == RunState.RUNNING.value).limit(1)) is None:
        await runs.create(
            conn, await starting.scheduled(conn, project, rule, settings, row.due_time_us, now_us)
        )
        await _prune(conn, mine)


def _holds(row: Row[tuple[object, ...]], rule: Rule, settings: Settings) -> bool:
    """Whether the schedule is still that of the rule as it is."""
    return (
        settings.enabled
        and rule.scheduled is not None
        and (row.version, row.minutes) == (rule.version, settings.conduct.schedule_minutes)
    )


async def _prune(conn: AsyncConnection, mine: ColumnElement[bool]) -> None:
    """Forget the oldest runs of a rule that nothing can be undone by, a little at a time."""
    idle = (_r.patched == 0) & (_r.state != RunState.RUNNING.value)
    old = select(_r.uid).where(mine, idle).order_by(_r.create_time_us.desc(), _r.uid).offset(KEPT).limit(50)
    uids = list((await conn.execute(old)).scalars())
    if uids:
        await conn.execute(delete(run_hits).where(run_hits.c.run_uid.in_(uids)))
        await conn.execute(delete(rule_runs).where(_r.uid.in_(uids)))
