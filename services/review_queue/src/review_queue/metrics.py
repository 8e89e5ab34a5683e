"""SQL room: numbers about a project, from the running sums of its reviews and those that are in none yet."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import statistics, tables
from review_queue.measures.facts import Grain, Sums, add_up
from review_queue.measures.rollup import tail
from review_queue.measures.tables import cell_sums, confidence_sums, review_sums
from review_queue.measures.totals import CELL_FIELDS, REVIEW_FIELDS, Totals, from_sums
from review_queue.outcome import Cell
from review_queue.project import Project
from review_queue.review import Decision
from review_queue.statistics import Rate, Reliability, Tally

_l, _t, _f = tables.labels.c, tables.tasks.c, tables.findings.c


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """Annotations of one category, predicted against reviewed."""

    tool: str
    category: str
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True, slots=True)
class RunScore:
    """Reviews of one run's predictions: whole labels left unchanged, and micro F1 over annotations."""

    run_uid: str
    accuracy: Rate
    f1: float | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Everything about a project; `active_seconds` is summed over its reviews."""

    assets: int
    predictions: int
    failed_predictions: int
    decisions: dict[Decision, int]
    accuracy: Rate
    reliability: Reliability
    confusion: list[tuple[Cell, int]]
    categories: list[CategoryScore]
    runs: list[RunScore]
    labels_with_findings: int
    findings: int
    active_seconds: float


async def measure(conn: AsyncConnection, project: Project, run_uid: str) -> Metrics:
    """The project's metrics as of now; with a run's uid only reviews and predictions of that run count.

    Raises SumsBehind.
    """
    rest = add_up([f for f in await tail(conn, project.uid) if run_uid in ("", f.run_uid)], (Grain.ALL,))
    by_run = await _by_run(conn, project, run_uid)
    for slot, added in rest.reviews.items():
        by_run[slot.run_uid] += added
    total = sum(by_run.values(), Totals())
    confusion = await _confusion(conn, project, run_uid, rest)
    labels_with_findings, findings = await _findings(conn, project)
    return Metrics(
        assets=project.asset_count,
        predictions=await _predictions(conn, project, run_uid),
        failed_predictions=await _failed(conn, project),
        decisions={
            Decision.ACCEPT: total.accepted,
            Decision.CORRECT: total.corrected,
            Decision.REJECT: total.rejected,
        },
        accuracy=statistics.wilson(total.unchanged, total.judged),
        reliability=statistics.reliability(await _tallies(conn, project, run_uid, rest)),
        confusion=confusion,
        categories=category_scores(confusion),
        runs=_runs(by_run),
        labels_with_findings=labels_with_findings,
        findings=findings,
        active_seconds=total.active_seconds,
    )


async def _by_run(conn: AsyncConnection, project: Project, run_uid: str) -> dict[str, Totals]:
    c = review_sums.c
    query = (
        select(c.run_uid, *(func.sum(c[name]).label(name) for name in REVIEW_FIELDS + CELL_FIELDS))
        .where(_mine(c, project, run_uid), c.grain == Grain.ALL)
        .group_by(c.run_uid)
    )
    found: dict[str, Totals] = defaultdict(Totals)
    for row in await conn.execute(query):
        found[row.run_uid] = from_sums(row._asdict())
    return found


def _mine(c: Any, project: Project, run_uid: str) -> ColumnElement[bool]:
    mine: ColumnElement[bool] = c.project_uid == project.uid
    return and_(mine, c.run_uid == run_uid) if run_uid else mine


def _runs(by_run: dict[str, Totals]) -> list[RunScore]:
    """Uids of runs are ULIDs, so their order is that of time."""
    return [
        RunScore(
            run,
            statistics.wilson(t.unchanged, t.judged),
            statistics.f1(t.true_positives, t.false_positives, t.false_negatives),
        )
        for run, t in sorted(by_run.items())
        if t.judged
    ]


async def _tallies(conn: AsyncConnection, project: Project, run_uid: str, rest: Sums) -> list[Tally]:
    """One for each thousandth of confidence, told by the mean of those in it."""
    c = confidence_sums.c
    query = (
        select(c.thousandth, func.sum(c.n), func.sum(c.unchanged), func.sum(c.mass))
        .where(_mine(c, project, run_uid))
        .group_by(c.thousandth)
    )
    found: dict[int, tuple[int, int, float]] = {
        at: (int(n), int(k), float(mass)) for at, n, k, mass in await conn.execute(query)
    }
    for (_, _, at), (n, k, mass) in rest.confidences.items():
        m, j, sum_ = found.get(at, (0, 0, 0.0))
        found[at] = (m + n, j + k, sum_ + mass)
    return [Tally(mass / n, n, k) for n, k, mass in found.values()]


async def _confusion(
    conn: AsyncConnection, project: Project, run_uid: str, rest: Sums
) -> list[tuple[Cell, int]]:
    c = cell_sums.c
    query = (
        select(c.tool, c.predicted, c.reviewed, func.sum(c.n))
        .where(_mine(c, project, run_uid), c.grain == Grain.ALL)
        .group_by(c.tool, c.predicted, c.reviewed)
    )
    found: dict[Cell, int] = {(tool, was, now): int(n) for tool, was, now, n in await conn.execute(query)}
    for (_, cell), counts in rest.cells.items():
        found[cell] = found.get(cell, 0) + counts.n
    return sorted(found.items())


def category_scores(confusion: list[tuple[Cell, int]]) -> list[CategoryScore]:
    """Per tool and category what was confirmed, predicted in vain, and missed."""
    counts: dict[tuple[str, str], list[int]] = {}
    for (tool, predicted, reviewed), n in confusion:
        if predicted == reviewed:
            counts.setdefault((tool, predicted), [0, 0, 0])[0] += n
            continue
        if predicted:
            counts.setdefault((tool, predicted), [0, 0, 0])[1] += n
        if reviewed:
            counts.setdefault((tool, reviewed), [0, 0, 0])[2] += n
    return [CategoryScore(tool, category, *found) for (tool, category), found in sorted(counts.items())]


async def _predictions(conn: AsyncConnection, project: Project, run_uid: str) -> int:
    """Those that models made: what rules made of them since is none of theirs, though it keeps their run.

    All less a few, each by an index of its own: looking at every prediction's source would read every label.
    """
    mine = and_(_l.project_uid == project.uid, _l.kind == "PREDICTION")
    mine = and_(mine, _l.run_uid == run_uid) if run_uid else mine
    by_rules = select(func.count()).where(mine, _l.source == literal_column("'RULE'"))
    query = select(select(func.count()).where(mine).scalar_subquery() - by_rules.scalar_subquery())
    made: int = (await conn.execute(query)).scalar_one()
    return made


async def _failed(conn: AsyncConnection, project: Project) -> int:
    # The literals, here and below, let the planner see that a partial index holds all the rows.
    failed = _t.prediction_error != literal_column("''")
    query = select(func.count()).where(_t.project_uid == project.uid, failed)
    return (await conn.execute(query)).scalar_one()


async def _findings(conn: AsyncConnection, project: Project) -> tuple[int, int]:
    found = _f.n > literal_column("0")
    query = select(func.count(), func.coalesce(func.sum(_f.n), 0)).where(_f.project_uid == project.uid, found)
    labels_with_findings, findings = (await conn.execute(query)).one()
    return labels_with_findings, findings
