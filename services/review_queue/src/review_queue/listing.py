"""SQL room: lists and counts of tasks by filter, in any order.

Each state that the filter can let through is a walk along the index (project, state, rank, uid) that ends as soon as
the page is full; in another order than the queue's the rows have to be sorted.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.pages import Cursor, Page
from review_queue import tables
from review_queue.comparing import SortKey, behind
from review_queue.conditions import (
    Moment,
    condition,
    in_state,
    moment,
    shown_state,
    sort_keys,
)
from review_queue.counts import Counts
from review_queue.filter import Expression, Key, names, parse, parse_order, stored_states
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.shown import Shown, shown

_t = tables.tasks.c
_NOT_DONE = frozenset({TaskState.WAITING, TaskState.OPEN})


@dataclass(frozen=True, slots=True)
class Query:
    """Which tasks, in which order; `state` narrows the filter further, None does not."""

    filter: Expression
    order: tuple[Key, ...]
    state: TaskState | None
    stored: frozenset[TaskState]
    """States, as they are stored, that the tasks can be in; OPEN holds LEASED."""

    @property
    def cursor(self) -> tuple[type, ...]:
        """What a cursor holds: the time of the first page, so that all pages judge by one; then the sort keys."""
        return (int, *((key.type for key in self.order) if self.order else (float,)), str)


def query(filter_: str, order_by: str, state: TaskState | None) -> Query:
    """What a caller asks for; with neither filter nor state only tasks that are not done.

    Raises FilterInvalid or OrderInvalid.
    """
    expression = parse(filter_)
    stored = stored_states(expression)
    if state is not None:
        stored &= {TaskState.OPEN if state is TaskState.LEASED else state}
    elif not filter_.strip():
        stored = _NOT_DONE
    return Query(expression, parse_order(order_by), state, stored)


async def some(
    conn: AsyncConnection, project: Project, query: Query, page: Page, now_us: int
) -> tuple[list[Shown], str]:
    """A page of the project's tasks, and the token of the next."""
    began = int(page.after[0]) if page.after else now_us
    keys = await _keys(conn, query, page, moment(conn, project, began))
    tasks = await shown(conn, project, [str(key[-1]) for key in keys], now_us)
    rows = list(zip(keys, tasks, strict=True))
    cut, token = page.cut(rows, lambda row: row[1].size, lambda row: (began, *row[0]))
    return [task for _, task in cut], token


async def _keys(conn: AsyncConnection, query: Query, page: Page, at: Moment) -> list[Cursor]:
    """The sort keys, uid last, of one more task than the page has, in order."""
    if not query.stored:
        return []
    keys = sort_keys(query.order, at)
    # Each state is a walk along the index; one query over several would sort all their tasks.
    walks = [_walk(query, state, keys, page, at) for state in sorted(query.stored)]
    if len(walks) == 1:
        return [tuple(row) for row in await conn.execute(walks[0])]
    every = union_all(*(select(walk.subquery()) for walk in walks)).subquery()
    order = [key.directed(column) for column, key in zip(every.c, keys, strict=True)]
    found = await conn.execute(select(every).order_by(*order).limit(page.size + 1))
    return [tuple(row) for row in found]


def _walk(
    query: Query, state: TaskState, keys: list[SortKey], page: Page, at: Moment
) -> Select[*tuple[Any, ...]]:
    columns = [key.column.label(f"key_{i}") for i, key in enumerate(keys)]
    found = (
        select(*columns)
        .select_from(source(query.filter, query.order))
        .where(_t.project_uid == at.project.uid)
    )
    found = found.where(_t.state == state, condition(query.filter, at))
    if query.state is not None:
        found = found.where(in_state(query.state, at.now_us))
    if page.after:
        found = found.where(behind(keys, page.after[1:]))
    return found.order_by(*(key.directed() for key in keys)).limit(page.size + 1)


def source(filter_: Expression, order: tuple[Key, ...] = ()) -> FromClause:
    """Where the columns of a filter and an order stand: only an asset's key is in another table than `tasks`."""
    if "key" in names(filter_) | {key.field.name for key in order}:
        return tables.tasks.join(tables.assets, tables.assets.c.uid == _t.uid)
    return tables.tasks


async def count(conn: AsyncConnection, project: Project, filter_: str, now_us: int) -> Counts:
    """Count the tasks that a filter lets through, by state. Raises FilterInvalid."""
    asked = query(filter_, "", None)
    wanted = condition(asked.filter, moment(conn, project, now_us))
    state = shown_state(now_us).label("shown")
    counted = await conn.execute(
        select(state, func.count())
        .select_from(source(asked.filter))
        .where(_t.project_uid == project.uid, _t.state.in_(sorted(asked.stored)), wanted)
        .group_by(state)
    )
    n: dict[int, int] = dict(counted.all())
    return Counts(*(n.get(state, 0) for state in TaskState))
