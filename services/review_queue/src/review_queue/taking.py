"""SQL room: taking tasks from the queue for a reviewer.

The next tasks are leased by one statement over the index (project, state, rank, uid). It reads down from the top,
past tasks under a live lease, so its cost depends on how many people are at work, not on how many tasks there are.
On PostgreSQL the same statement also brings all that the reviewer needs to see.
"""

from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from chassis.db import dialect_of
from chassis.prepared import Prepared
from review_queue import listing, projects, tables, task_rows
from review_queue.conditions import condition, moment
from review_queue.filter import Expression, parse
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import eligible
from review_queue.routing.eligible import Reach
from review_queue.shown import looking

_t = tables.tasks.c
Rows = list[Row[*tuple[Any, ...]]]
EVERYTHING = parse("")


@dataclass(frozen=True, slots=True)
class Taking:
    """What one call takes from: rows that are free for the reviewer; leases end at `expire`.

    Nothing is free in a project that is no longer as it was seen.

    Times are microseconds since the epoch.
    """

    project: Project
    reviewer: str
    now: int
    expire: int
    reach: Reach
    filter: Expression

    async def some(self, conn: AsyncConnection, limit: int) -> Rows:
        """Newly leased tasks as `looking` shows them, overdue ones first, then first in the queue first."""
        if limit <= 0:
            return []
        found: Rows = []
        late = eligible.overdue(self.project, self.reviewer, self.reach)
        if late is not None:
            found = await self._first(conn, limit, late)
        if len(found) < limit:
            found += await self._first(conn, limit - len(found), self.reach)
        return found

    async def _first(self, conn: AsyncConnection, limit: int, reach: Reach) -> Rows:
        plain = self.filter == EVERYTHING
        # A filter has values of its own, so what it makes is for this call alone.
        take = _take if plain else _take.__wrapped__
        filtered = None if plain else condition(self.filter, moment(conn, self.project, self.now))
        values = {
            **projects.as_seen(self.project),
            "at_us": self.now,
            "taker": self.reviewer,
            "expire_us": self.expire,
            "most": limit,
        }
        if reach.late:
            values["overdue_before_us"] = self.project.routing.overdue_before_us(self.now)
        taken = take(reach, filtered, listing.source(self.filter))
        if dialect_of(conn) == "postgresql":
            rows = await (_looked_at if plain else _looked_at.__wrapped__)(taken).rows(conn, values)
        else:
            uids = [row.uid for row in await conn.execute(taken, values)]
            rows = (await conn.execute(looking(tables.tasks, leased=True).where(_t.uid.in_(uids)))).all()
        return sorted(rows, key=attrgetter(*(column.name for column in _order(reach))))


def _order(reach: Reach) -> tuple[ColumnElement[Any], ...]:
    return (_t.create_time_us, _t.uid) if reach.late else (_t.rank, _t.uid)


@lru_cache(maxsize=256)
def _take(reach: Reach, filtered: ColumnElement[bool] | None, source: FromClause) -> ReturningUpdate[Any]:
    free = [
        _t.project_uid == bindparam("in_project"),
        _t.state == TaskState.OPEN,
        _t.lease_expire_us <= bindparam("at_us"),
        projects.unchanged,
        *eligible.within(reach),
    ]
    if filtered is not None:
        free.append(filtered)
    first = select(_t.uid).select_from(source).where(*free).order_by(*_order(reach))
    # Rows that another reviewer is taking this moment are skipped, not waited for. SQLite has one writer at a time.
    locked = first.limit(bindparam("most", type_=Integer())).with_for_update(
        skip_locked=True, of=tables.tasks
    )
    chosen = locked.cte("first").prefix_with("MATERIALIZED")
    handed = task_rows.handed_to(bindparam("taker"), bindparam("expire_us"))
    return update(tables.tasks).where(_t.uid.in_(select(chosen.c.uid))).values(handed).returning(*_t)


@lru_cache(maxsize=256)
def _looked_at(taken: ReturningUpdate[Any]) -> Prepared:
    return Prepared(looking(taken.cte("taken"), leased=True))
