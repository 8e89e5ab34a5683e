"""SQL room: what people's answers to the random sample say about models' labels.

Only assets that were drawn at random count, whether for the audit or as gold. What people looked at because it was
doubtful says nothing about what nobody would look at.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind, same_claims
from review_queue.assurance import policies, tables
from review_queue.assurance.slices import facts
from review_queue.assurance.stage import Watch, breach, watched
from review_queue.project import Project
from review_queue.revisions import run_uid

DRAWN = 2
_SELF = "labelmesh"
_d, _s, _p = tables.draws.c, tables.thresholds.c, tables.policies.c


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's answer: the annotations (None when the asset was rejected) and the label that was up for review.

    `audit`, `sealed` and `severity` are the task's as it was answered.
    """

    asset: Asset
    prediction: Label | None
    annotations: tuple[Annotation, ...] | None
    audit: int
    sealed: int
    severity: float


async def record(conn: AsyncConnection, project: Project, answered: Answered) -> None:
    """Keep what the answer proves; ends automation when it proves a breach. Called when the task is answered."""
    label, drawn = answered.prediction, answered.audit or answered.sealed == DRAWN
    if label is None or label.kind is not LabelKind.PREDICTION or not drawn:
        return
    wrong = is_wrong(label, answered.annotations)
    # A label with an error found by a rule is never accepted, so its like says nothing about those that are.
    if label.confidence is not None and answered.severity < 1.0:
        await keep(conn, project, answered.asset, label, wrong=wrong)
    await _watch(conn, project, answered.asset.uid, label.uid, wrong=wrong)


def is_wrong(prediction: Label, annotations: tuple[Annotation, ...] | None) -> bool:
    """Whether the model's label is not the answer; that of an asset which cannot be labelled never is."""
    return annotations is None or not same_claims(prediction.annotations, annotations)


async def keep(conn: AsyncConnection, project: Project, asset: Asset, label: Label, *, wrong: bool) -> None:
    """Keep one label of the random sample as evidence about its run; the first answer stays."""
    of = facts(label, asset)
    row = {
        "asset_uid": asset.uid,
        "run_uid": run_uid(label),
        "project_uid": project.uid,
        "confidence": label.confidence.raw if label.confidence else 0.0,
        "wrong": int(wrong),
        "category": of.category,
        "source": of.source,
        "length": of.length,
        "create_time_us": now_us(),
    }
    await conn.execute(insert_ignore(conn, tables.evidence).values(row))


async def _watch(
    conn: AsyncConnection, project: Project, asset_uid: str, label_uid: str, *, wrong: bool
) -> None:
    """Count the audit of a label that would have been accepted."""
    answered = await conn.execute(
        update(tables.draws)
        .where(_d.asset_uid == asset_uid, _d.label_uid == label_uid, _d.audit == 1, _d.wrong.is_(None))
        .values(wrong=int(wrong))
        .returning(_d.fit_uid, _d.slice)
    )
    draw = answered.one_or_none()
    if draw is None:
        return
    here = (_s.fit_uid == draw.fit_uid, _s.slice == draw.slice)
    query = select(_s.watched, _s.watched_errors, _s.level).where(*here).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    policy = await policies.find(conn, project.uid)
    if row is None or policy is None:
        return
    now = watched(Watch(row.watched, row.watched_errors, row.level), policy.policy.target_error, wrong=wrong)
    values = {"watched": now.n, "watched_errors": now.errors, "level": now.level}
    await conn.execute(update(tables.thresholds).where(*here).values(values))
    if policy.fit_uid == draw.fit_uid:
        n = (await policies.in_force(conn, [project.uid]))[project.uid].thresholds
        if why := breach(now, policy.policy.target_error, len(n)):
            await policies.demote(conn, project.uid, f"{draw.slice}: {why}"[:2_000], _SELF)
