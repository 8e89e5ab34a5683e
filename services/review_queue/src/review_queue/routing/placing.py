"""SQL room: which pool tasks belong to, by the routes of their project's policy."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, bindparam, case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from chassis.clock import now_us
from chassis.prepared import Prepared
from review_queue import projects, tables
from review_queue.conditions import condition, moment
from review_queue.filter import parse
from review_queue.project import Project

_t, _p = tables.tasks.c, tables.projects.c
_RULED = Prepared(
    select(_p.uid).where(_p.uid.in_(bindparam("uids", expanding=True)), _p.queue_policy_revision > 0)
)


async def place_all(conn: AsyncConnection, changed: Sequence[tuple[str, str]]) -> None:
    """Route tasks, given as (project uid, task uid), whose label or findings changed."""
    by_project: dict[str, list[str]] = defaultdict(list)
    for project_uid, uid in changed:
        by_project[project_uid].append(uid)
    found = [row.uid for row in await _RULED.rows(conn, {"uids": sorted(by_project)})]
    for project in (await projects.by_uids(conn, found)).values() if found else ():
        await place(conn, project, by_project[project.uid])


async def place(conn: AsyncConnection, project: Project, uids: Iterable[str]) -> int:
    """Say of those tasks which pool they are routed to, and whether only its members may take them; how many moved."""
    if not project.routing.revision:
        return 0
    routed = _routed(conn, project)
    sent, ruled = func.nullif(_t.sent_pool, ""), func.nullif(_t.pool, "")
    counts: ColumnElement[str] = func.coalesce(sent, ruled, routed, type_=Text())
    closed = project.routing.closed_pools
    lane = case((counts.in_(closed), counts), else_="") if closed else literal("", Text())
    mine = (_t.project_uid == project.uid, _t.uid.in_(sorted(uids)))
    moved = (_t.routed_pool != routed) | (_t.lane != lane)
    changed = await conn.execute(
        update(tables.tasks).where(*mine, moved).values(routed_pool=routed, lane=lane)
    )
    return int(changed.rowcount)


def _routed(conn: AsyncConnection, project: Project) -> ColumnElement[str]:
    """The pool of the first route whose filter holds."""
    if not project.routing.routes:
        return literal("", Text())
    at = moment(conn, project, now_us())
    holds = [(condition(parse(route.filter), at), route.pool) for route in project.routing.routes]
    return case(*holds, else_="")
