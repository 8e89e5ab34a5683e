"""SQL room: what models say about assets, a batch of events in a handful of statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import reason
from labels.asset import Asset
from labels.checks import check_label
from labels.errors import LabelError
from labels.label import Label
from review_queue import projects, prompting, revisions, standing, tables, task_rows
from review_queue.assurance import acceptance
from review_queue.assurance.acceptance import Offer
from review_queue.errors import ProjectNotFound
from review_queue.project import Project
from review_queue.prompting import source_uid
from review_queue.ranking.renewing import renewed
from review_queue.standing import Standing


@dataclass(frozen=True, slots=True)
class Prediction:
    """A label by a model and the asset it looked at; the label has its uid and its asset's."""

    project_uid: str
    asset: Asset
    label: Label


@dataclass(frozen=True, slots=True)
class Failure:
    """An asset that a model gave no usable answer for; `reason` in UPPER_SNAKE."""

    project_uid: str
    asset_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rules said about a label: `n` findings, and its way to a person."""

    severity: float
    n: int
    boost: float
    pool: str


_NO_VERDICT = Verdict(0.0, 0, 0.0, "")


async def store(conn: AsyncConnection, predictions: Sequence[Prediction]) -> None:
    """Keep predictions as revisions; those of assets that no person labelled become current and open the task.

    A label that is there already is left alone. One that does not fit its project's ontology or its asset's text is
    not kept: a person labels the asset instead, and the task says why. Raises ProjectNotFound or AssetNotFound.
    """
    known = await _projects(conn, predictions)
    held = await task_rows.hold(conn, ((p.project_uid, p.label.asset_uid) for p in predictions))
    # Only now: until the tasks are held another replica may be storing the same labels.
    fresh = await _fresh(conn, predictions)
    verdicts = await _verdicts(conn, [p.label.uid for p in fresh])
    prompts = await prompting.prompted(conn, held, [p.label for p in fresh])
    now = {uid: task.standing for uid, task in held.items()}
    numbered: list[tuple[Project, Label]] = []
    for prediction in fresh:
        project, label, uid = known[prediction.project_uid], prediction.label, prediction.label.asset_uid
        if problem := _problem(prediction, project):
            now[uid] = standing.after_failure(now[uid], problem)
            continue
        verdict = verdicts.get(label.uid, _NO_VERDICT)
        now[uid] = standing.after_prediction(
            now[uid],
            label.uid,
            label.confidence.raw if label.confidence else None,
            verdict.severity,
            findings=verdict.n,
            author=label.author,
            run_uid=revisions.run_uid(label),
            boost=verdict.boost,
            pool=verdict.pool,
            prompted=label.uid in prompts,
        )
        numbered.append((project, revisions.numbered(label, now[uid].revision)))
    # What was made of a label's boxes is no second opinion about it.
    claims = [(label.asset_uid, label.annotations) for _, label in numbered if not source_uid(label)]
    held = await renewed(conn, known.values(), held, claims)
    await revisions.store(conn, numbered)
    offers = [Offer(held[p.label.asset_uid], now[p.label.asset_uid], p.asset, p.label) for p in fresh]
    accepted, _ = await acceptance.act(conn, offers)
    now |= accepted
    await _write(conn, held, now, known)


async def _fresh(conn: AsyncConnection, predictions: Sequence[Prediction]) -> list[Prediction]:
    """Those whose label is not stored yet, each once."""
    by_uid = {p.label.uid: p for p in reversed(predictions)}
    there = select(tables.labels.c.uid).where(tables.labels.c.uid.in_(sorted(by_uid)))
    for uid in (await conn.execute(there)).scalars():
        del by_uid[uid]
    return [p for p in predictions if by_uid.get(p.label.uid) is p]


async def _verdicts(conn: AsyncConnection, label_uids: Sequence[str]) -> dict[str, Verdict]:
    """What rules said, by label uid.

    Rules may have spoken before the label came here, as the two travel by different streams.
    """
    f = tables.findings.c
    found = await conn.execute(
        select(f.label_uid, f.severity, f.n, f.boost, f.pool).where(f.label_uid.in_(sorted(label_uids)))
    )
    return {row.label_uid: Verdict(row.severity, row.n, row.boost, row.pool) for row in found}


def _problem(prediction: Prediction, project: Project) -> str:
    """Why the label cannot be kept, in UPPER_SNAKE; empty when it can."""
    try:
        check_label(prediction.label.annotations, prediction.asset, project.definition.ontology)
    except LabelError as error:
        return reason(type(error))
    return ""


async def fail(conn: AsyncConnection, failures: Sequence[Failure]) -> None:
    """Open the tasks of assets that a model has nothing for. Raises ProjectNotFound or AssetNotFound."""
    known = await _projects(conn, failures)
    held = await task_rows.hold(conn, ((f.project_uid, f.asset_uid) for f in failures))
    now = {uid: task.standing for uid, task in held.items()}
    for failure in failures:
        now[failure.asset_uid] = standing.after_failure(now[failure.asset_uid], failure.reason)
    await _write(conn, held, now, known)


async def _projects(
    conn: AsyncConnection, news: Iterable[Prediction] | Iterable[Failure]
) -> dict[str, Project]:
    wanted = {item.project_uid for item in news}
    known = await projects.by_uids(conn, wanted)
    if len(known) < len(wanted):
        raise ProjectNotFound
    return known


async def _write(
    conn: AsyncConnection,
    held: dict[str, task_rows.Held],
    now: dict[str, Standing],
    known: dict[str, Project],
) -> None:
    weights = {uid: project.definition.weights for uid, project in known.items()}
    await task_rows.write(conn, ((held[uid], new) for uid, new in now.items()), weights)
