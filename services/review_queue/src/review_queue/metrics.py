"""SQL room: numbers about a project, from its stored reviews."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import statistics, tables
from review_queue.outcome import Cell
from review_queue.project import Project
from review_queue.review import Decision
from review_queue.statistics import Rate, Reliability, Tally

_l, _t, _f = tables.labels.c, tables.tasks.c, tables.findings.c
_r, _c = tables.reviews.c, tables.confusion.c


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
    """The project's metrics as of now; with a run's uid only reviews and predictions of that run count."""
    decisions, active_seconds = await _decisions(conn, project, run_uid)
    runs = await _runs(conn, project, run_uid)
    confusion = await _confusion(conn, project, run_uid)
    labels_with_findings, findings = await _findings(conn, project)
    return Metrics(
        assets=project.asset_count,
        predictions=await _predictions(conn, project, run_uid),
        failed_predictions=await _failed(conn, project),
        decisions=decisions,
        accuracy=statistics.wilson(sum(r.accuracy.k for r in runs), sum(r.accuracy.n for r in runs)),
        reliability=statistics.reliability(await _tallies(conn, project, run_uid)),
        confusion=confusion,
        categories=category_scores(confusion),
        runs=runs,
        labels_with_findings=labels_with_findings,
        findings=findings,
        active_seconds=active_seconds,
    )


def _reviews(project: Project, run_uid: str) -> ColumnElement[bool]:
    mine = _r.project_uid == project.uid
    return and_(mine, _r.run_uid == run_uid) if run_uid else mine


async def _decisions(
    conn: AsyncConnection, project: Project, run_uid: str
) -> tuple[dict[Decision, int], float]:
    query = (
        select(_r.decision, func.count(), func.sum(_r.active_seconds))
        .where(_reviews(project, run_uid))
        .group_by(_r.decision)
    )
    rows = (await conn.execute(query)).all()
    return {Decision(decision): n for decision, n, _ in rows}, float(sum(seconds for _, _, seconds in rows))


async def _runs(conn: AsyncConnection, project: Project, run_uid: str) -> list[RunScore]:
    """Uids of runs are ULIDs, so their order is that of time."""
    query = (
        select(
            _r.run_uid,
            func.sum(_r.unchanged),
            func.count(_r.unchanged),
            func.sum(_r.true_positives),
            func.sum(_r.false_positives),
            func.sum(_r.false_negatives),
        )
        .where(_reviews(project, run_uid), _r.unchanged.is_not(None))
        .group_by(_r.run_uid)
        .order_by(_r.run_uid)
    )
    return [
        RunScore(run, statistics.wilson(k, n), statistics.f1(tp, fp, fn))
        for run, k, n, tp, fp, fn in (await conn.execute(query))
    ]


async def _tallies(conn: AsyncConnection, project: Project, run_uid: str) -> list[Tally]:
    query = (
        select(_r.confidence, func.count(), func.sum(_r.unchanged))
        .where(_reviews(project, run_uid), _r.unchanged.is_not(None), _r.confidence.is_not(None))
        .group_by(_r.confidence)
    )
    return [Tally(confidence, n, k) for confidence, n, k in (await conn.execute(query))]


async def _confusion(conn: AsyncConnection, project: Project, run_uid: str) -> list[tuple[Cell, int]]:
    mine = _c.project_uid == project.uid
    query = (
        select(_c.tool, _c.predicted, _c.reviewed, func.sum(_c.n))
        .where(and_(mine, _c.run_uid == run_uid) if run_uid else mine)
        .group_by(_c.tool, _c.predicted, _c.reviewed)
        .order_by(_c.tool, _c.predicted, _c.reviewed)
    )
    return [((tool, was, now), n) for tool, was, now, n in (await conn.execute(query))]


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
    mine = and_(_l.project_uid == project.uid, _l.kind == "PREDICTION")
    query = select(func.count()).where(and_(mine, _l.run_uid == run_uid) if run_uid else mine)
    return (await conn.execute(query)).scalar_one()


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
