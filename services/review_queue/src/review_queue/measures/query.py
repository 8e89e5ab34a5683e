"""SQL room: metrics of a project by time, category, reviewer and source, from the running sums and the tail."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from review_queue import tables
from review_queue.errors import TooManyGroups
from review_queue.measures import question as q
from review_queue.measures import rollup
from review_queue.measures.facts import Facts, Slot, add_up
from review_queue.measures.intervals import Estimate
from review_queue.measures.question import Group, Question, Stretch
from review_queue.measures.tables import cell_sums, review_sums, time_bins
from review_queue.measures.tests_by_gold import tests
from review_queue.measures.totals import (
    CELL_FIELDS,
    REVIEW_FIELDS,
    CellTotals,
    Totals,
    by_category,
    from_sums,
)
from review_queue.measures.values import Metric, value
from review_queue.outcome import Cell
from review_queue.project import Project

_MAX_ROWS = 40 * q.MAX_GROUPS
_l = tables.labels.c
_K = TypeVar("_K")
_V = TypeVar("_V")
Key = tuple[int, int, str, str]
"""(first microsecond, end, tool, name): which step and which group."""


@dataclass(frozen=True, slots=True)
class Found:
    """One group's metrics: the step it is about, 0 without steps, and its name, empty without groups."""

    start_us: int
    end_us: int
    tool: str
    name: str
    values: tuple[tuple[Metric, Estimate], ...]


async def ask(conn: AsyncConnection, project: Project, question: Question) -> list[Found]:
    """The answer by time, then by name; groups without any review are left out.

    Without groups and steps there is one. Raises MetricInvalid, TooManyGroups or SumsBehind.
    """
    q.check(question)
    rest = await rollup.tail(conn, project.uid)
    bins: dict[Key, dict[int, int]] = {}
    if question.of_cells:
        totals = await _of_cells(conn, project, question, rest)
    else:
        named = await _naming(conn, project, question, rest)
        totals = await _of_reviews(conn, project, question, rest, named)
        if Metric.ACTIVE_SECONDS_MEDIAN in question.metrics:
            bins = await _bins(conn, project, question, rest, named)
    if question.group is Group.NONE and question.step is q.Step.NONE:
        totals.setdefault((0, 0, "", ""), Totals())
    if len(totals) > q.MAX_GROUPS:
        raise TooManyGroups
    return [
        Found(
            *key,
            tuple((metric, value(metric, totals[key], bins.get(key, {}))) for metric in question.metrics),
        )
        for key in sorted(totals)
    ]


async def _of_reviews(
    conn: AsyncConnection,
    project: Project,
    question: Question,
    rest: Sequence[Facts],
    named: Callable[[Any], str],
) -> dict[Key, Totals]:
    names = REVIEW_FIELDS + CELL_FIELDS
    found: dict[Key, Totals] = defaultdict(Totals)
    for row in await _rows(conn, review_sums, project, question, names):
        found[*question.time_of(row.start), "", named(row)] += from_sums(row._asdict())
    for slot, totals in _held(question, add_up(rest).reviews.items(), lambda slot: slot):
        found[*question.time_of(slot.start), "", named(slot)] += totals
    for row in await tests(conn, project, question):
        tested = Totals(gold=row.gold, gold_right=int(row.gold_right))
        found[*question.time_of(row.start), "", named(row)] += tested
    return found


async def _bins(
    conn: AsyncConnection,
    project: Project,
    question: Question,
    rest: Sequence[Facts],
    named: Callable[[Any], str],
) -> dict[Key, dict[int, int]]:
    found: dict[Key, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in await _rows(conn, time_bins, project, question, ("n",), "bin"):
        found[*question.time_of(row.start), "", named(row)][row.bin] += int(row.n)
    for (slot, index), n in _held(question, add_up(rest).bins.items(), lambda key: key[0]):
        found[*question.time_of(slot.start), "", named(slot)][index] += n
    return found


async def _of_cells(
    conn: AsyncConnection, project: Project, question: Question, rest: Sequence[Facts]
) -> dict[Key, Totals]:
    """By category; where it is not asked for by category, the asked ones together."""
    cells: dict[tuple[int, int], dict[Cell, CellTotals]] = defaultdict(lambda: defaultdict(CellTotals))
    names = ("n", "moved", "overlap", "overlap_squares")
    for row in await _rows(conn, cell_sums, project, question, names, "tool", "predicted", "reviewed"):
        counts = CellTotals(int(row.n), int(row.moved), float(row.overlap), float(row.overlap_squares))
        cells[question.time_of(row.start)][row.tool, row.predicted, row.reviewed] += counts
    for (slot, cell), counts in _held(question, add_up(rest).cells.items(), lambda key: key[0]):
        cells[question.time_of(slot.start)][cell] += counts
    found: dict[Key, Totals] = defaultdict(Totals)
    for time, counted in cells.items():
        asked = ((cell, n) for cell, n in counted.items() if question.counts(cell))
        for (tool, category), totals in by_category(asked).items():
            if question.category in ("", category):
                grouped = question.group is Group.CATEGORY
                found[*time, *((tool, category) if grouped else ("", ""))] += totals
    return found


def _held(
    question: Question, items: Iterable[tuple[_K, _V]], slot_of: Callable[[_K], Slot]
) -> Iterable[tuple[_K, _V]]:
    stretches = list(question.stretches())
    return ((key, n) for key, n in items if any(question.holds(slot_of(key), s) for s in stretches))


async def _rows(
    conn: AsyncConnection, table: Table, project: Project, question: Question, names: Iterable[str], *by: str
) -> Sequence[Any]:
    """Sums of the named columns by start and by what the question groups by."""
    c = table.c
    column = {Group.NONE: None, Group.CATEGORY: None, Group.REVIEWER: c.reviewer}.get(
        question.group, c.run_uid
    )
    keys = [*(c[name] for name in by), *(() if column is None else (column,))]
    # Without steps the sums of all hours are one.
    start = c.start if question.step is not q.Step.NONE else func.min(c.start).label("start")
    query = (
        select(start, *keys, *(func.sum(c[name]).label(name) for name in names))
        .where(c.project_uid == project.uid, or_(*(_in(c, stretch) for stretch in question.stretches())))
        .where(*_narrowed(c, question))
        .group_by(*keys, *(() if question.step is q.Step.NONE else (c.start,)))
        .having(func.count() > 0)
        .limit(_MAX_ROWS + 1)
    )
    rows = (await conn.execute(query)).all()
    if len(rows) > _MAX_ROWS:
        raise TooManyGroups
    return rows


def _in(c: Any, stretch: Stretch) -> ColumnElement[bool]:
    return and_(c.grain == stretch.grain, c.start >= stretch.first, c.start < stretch.end)


def _narrowed(c: Any, question: Question) -> Iterable[ColumnElement[bool]]:
    for name, wanted in (("reviewer", question.reviewer), ("run_uid", question.run_uid)):
        if wanted:
            yield c[name] == wanted
    if "tool" in c:
        if question.tool:
            yield c.tool == question.tool
        if question.category:
            yield or_(c.predicted == question.category, c.reviewed == question.category)


async def _naming(
    conn: AsyncConnection, project: Project, question: Question, rest: Sequence[Facts]
) -> Callable[[Any], str]:
    """How the group of a sum is called."""
    match question.group:
        case Group.NONE | Group.CATEGORY:
            return lambda _: ""
        case Group.REVIEWER:
            return lambda of: str(of.reviewer)
        case Group.RUN:
            return lambda of: str(of.run_uid)
    c = review_sums.c
    mine = select(c.run_uid).where(c.project_uid == project.uid, c.grain == 0).distinct()
    runs = {*(await conn.execute(mine)).scalars(), *(facts.run_uid for facts in rest)}
    sources = {run: await _source(conn, project, run, question.group) for run in runs}
    return lambda of: sources.get(of.run_uid, "")


async def _source(conn: AsyncConnection, project: Project, run_uid: str, group: Group) -> str:
    """The run's model, prompt or number of examples, as one of its labels tells; empty without a run."""
    mine = and_(_l.project_uid == project.uid, _l.kind == "PREDICTION", _l.run_uid == run_uid)
    body = (await conn.execute(select(_l.body).where(mine).limit(1))).scalar_one_or_none()
    if not run_uid or body is None:
        return ""
    lineage = label_pb2.Label.FromString(body).lineage
    match group:
        case Group.MODEL:
            return lineage.model
        case Group.PROMPT:
            return f"revision {lineage.prompt_revision}"
    return f"{len(lineage.examples)} examples" if lineage.examples else "no examples"
