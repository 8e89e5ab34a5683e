"""SQL room: searching the labels that stand.

What an index narrows to a short list is looked at whole. Anything else is a walk along the labels in order, newest or
oldest first, which ends when the page is full or BUDGET labels were passed: then the page is short, and its token goes
on from there. So a call costs about as much whatever is asked, but for a long list in another order, which is sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import dialect_of
from chassis.pages import Cursor, Page
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import qa_events_pb2
from review_queue import tables
from review_queue.comparing import SortKey, behind, stands, up_to
from review_queue.filter import And, Compare, Expression, Key, names, parse, parse_order
from review_queue.project import Project
from review_queue.search.conditions import Place, condition, facts, shown, sort_keys, source
from review_queue.search.fields import FIELDS
from review_queue.search.shortlist import LONGEST, Shortlist, shortest

BUDGET = 20_000
_FIRST_STEP = 1_000
_STEPS_GROW = 4
_l, _t, _a, _f = tables.labels.c, tables.tasks.c, tables.assets.c, tables.findings.c
# The lists are short and every row is found by its key, but PostgreSQL guesses otherwise now and then, and reads all.
_BY_KEY, _AS_IT_LIKES = (
    text(
        f"SELECT set_config('enable_hashjoin', '{to}', true), set_config('enable_mergejoin', '{to}', true),"
        f" set_config('enable_seqscan', '{to}', true)"
    )
    for to in ("off", "on")
)


@dataclass(frozen=True, slots=True)
class Query:
    """Which labels, in which order."""

    filter: Expression
    order: tuple[Key, ...]

    @property
    def cursor(self) -> tuple[type, ...]:
        """What a cursor holds: the sort keys of the last label looked at, its uid last."""
        return (*((key.type for key in self.order) if self.order else (int,)), str)

    @property
    def by_time(self) -> bool:
        """Whether the order is that of an index."""
        return not self.order or [key.field.name for key in self.order] == ["create_time"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may cost: entries of a short list, and labels passed on a walk."""

    longest: int = LONGEST
    budget: int = BUDGET


@dataclass(frozen=True, slots=True)
class Found:
    """A label with what a search asks about it: `facts` is its row with its task's, findings as on the wire."""

    label: label_pb2.Label
    asset_key: str
    facts: Row[*tuple[Any, ...]]
    findings: Sequence[label_pb2.Finding]

    @property
    def size(self) -> int:
        """What it weighs in an answer, bytes."""
        return len(self.facts.body) + len(self.facts.findings or b"")


def query(filter_: str, order_by: str) -> Query:
    """What a caller asks for. Raises FilterInvalid or OrderInvalid."""
    return Query(parse(filter_, FIELDS), parse_order(order_by, FIELDS))


async def some(
    conn: AsyncConnection, project: Project, query: Query, page: Page, now_us: int, bounds: Bounds = Bounds()
) -> tuple[Sequence[Found], str]:
    """A page of the project's labels, and the token of the next; a short page may have one, too."""
    search = _Search(conn, project, query, page, now_us)
    keys, reached = await search.run(bounds)
    found = await _load(conn, [str(key[-1]) for key in keys])
    rows = list(zip(keys, found, strict=True))
    cut, token = page.cut(rows, lambda row: row[1].size, lambda row: row[0])
    if not token and reached is not None:
        token = page.token(reached)
    return [label for _, label in cut], token


class _Search:
    """One call's search."""

    def __init__(
        self, conn: AsyncConnection, project: Project, query: Query, page: Page, now_us: int
    ) -> None:
        self._conn = conn
        self._query = query
        self._page = page
        self._place = Place(project.uid, dialect_of(conn))
        self._keys: list[SortKey] = sort_keys(query.order, self._place)
        self._now_us = now_us

    async def run(self, bounds: Bounds) -> tuple[list[Cursor], Cursor | None]:
        """The sort keys of up to one label more than the page has, and how far a walk came that was broken off."""
        if self._place.dialect == "postgresql":
            await self._conn.execute(_BY_KEY)
        listed = await shortest(self._conn, self._query.filter, self._place, bounds.longest)
        if listed is None and self._query.by_time:
            return await self._walk(bounds.budget)
        if listed is None and self._place.dialect == "postgresql":
            await self._conn.execute(_AS_IT_LIKES)
        rows = await self._conn.execute(self._sorted(listed))
        return [tuple(row) for row in rows], None

    def _sorted(self, listed: Shortlist | None) -> Select[*tuple[Any, ...]]:
        """Of a short list, else of all labels, what the filter holds for."""
        of = _t.uid.in_(listed.assets) if listed else _l.project_uid == self._place.project_uid
        found = self._select(self._page.size + 1).where(of)
        return found.where(behind(self._keys, self._page.after)) if self._page.after else found

    def _select(self, limit: int) -> Select[*tuple[Any, ...]]:
        named = names(self._query.filter) | {key.field.name for key in self._query.order}
        columns = [key.column.label(f"key_{i}") for i, key in enumerate(self._keys)]
        return (
            select(*columns)
            .select_from(source(named))
            .where(condition(self._query.filter, self._place), shown(self._now_us))
            .order_by(*(key.directed() for key in self._keys))
            .limit(limit)
        )

    async def _walk(self, left: int) -> tuple[list[Cursor], Cursor | None]:
        """Along all labels in steps that grow, until the page is full, the labels or the budget end."""
        found: list[Cursor] = []
        at, step = self._page.after, _FIRST_STEP
        while left > 0:
            step = min(step, left)
            edge = await self._edge(at, step)
            wanted = self._select(self._page.size + 1 - len(found)).where(*self._within(at))
            if edge is not None:
                wanted = wanted.where(up_to(self._keys, edge))
            found += [tuple(row) for row in await self._conn.execute(wanted)]
            if len(found) > self._page.size or edge is None:
                return found, None
            at, left, step = edge, left - step, step * _STEPS_GROW
        return found, at

    async def _edge(self, after: Cursor | None, step: int) -> Cursor | None:
        """Sort keys of the label so many further on; None when there are not so many."""
        passed = (
            select(*(key.column for key in self._keys))
            .where(*self._within(after))
            .order_by(*(key.directed() for key in self._keys))
            .offset(step - 1)
            .limit(1)
        )
        row = (await self._conn.execute(passed)).one_or_none()
        return None if row is None else tuple(row)

    def _within(self, after: Cursor | None) -> list[ColumnElement[bool]]:
        """The part of the index that is left: behind the last label, and between the times that the filter names."""
        within: list[ColumnElement[bool]] = [_l.project_uid == self._place.project_uid]
        within += [stands(_l.create_time_us, c, self._place.dialect) for c in _times(self._query.filter)]
        return [*within, behind(self._keys, after)] if after else within


def _times(expression: Expression) -> list[Compare]:
    """The conditions on the time that must hold whatever else does."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    nested = [found for part in parts if isinstance(part, And) for found in _times(part)]
    return nested + [c for c in parts if isinstance(c, Compare) and c.field.name == "create_time"]


async def _load(conn: AsyncConnection, uids: Sequence[str]) -> list[Found]:
    """The labels of those uids, in their order."""
    rows = (
        select(
            tables.labels, _a.key, _t.run_uid.label("prediction_run_uid"), _f.body.label("findings"), *facts()
        )
        .join(tables.tasks, _t.uid == _l.asset_uid)
        .join(tables.assets, _a.uid == _l.asset_uid)
        .outerjoin(tables.findings, _f.label_uid == _l.uid)
        .where(_l.uid.in_(sorted(uids)))
    )
    found = {row.uid: _found(row) for row in await conn.execute(rows)} if uids else {}
    return [found[uid] for uid in uids]


def _found(row: Row[*tuple[Any, ...]]) -> Found:
    evaluated = qa_events_pb2.LabelEvaluated.FromString(row.findings) if row.findings else None
    return Found(label_pb2.Label.FromString(row.body), row.key, row, evaluated.findings if evaluated else ())
