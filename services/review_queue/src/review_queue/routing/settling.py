"""SQL room: what comes of the answers that several people gave."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.checks import check_label
from labels.errors import LabelError
from labels.label import Annotation, Label, LabelKind, same_claims
from labels.proto import asset_to_pb, label_from_pb, label_to_pb
from review_queue import assets, projects, revisions, tables
from review_queue.assurance import gold
from review_queue.errors import ProjectNotFound, TaskNotFound
from review_queue.priority import rank
from review_queue.project import Project
from review_queue.ranking.terms import terms_of
from review_queue.review import Decision, TaskState, by_person
from review_queue.routing import placing
from review_queue.routing.tables import engagements
from review_queue.routing.turning import CONSENSUS
from review_queue.search.following import after
from review_queue.search.origin import Source
from review_queue.wire import decision_to_pb

_t, _a, _l = tables.tasks.c, tables.assets.c, tables.labels.c


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers to an asset agree on, None for nothing; `agreement` is 0 to 1."""

    project_uid: str
    asset_uid: str
    annotations: tuple[Annotation, ...] | None
    agreement: float


async def settle(conn: AsyncConnection, found: Consensus) -> None:
    """End the task with what was agreed on; else ask one more person, and at the policy's maximum the escalation pool.

    A task that has got on meanwhile, or that a person is at, stays as it is. Raises ProjectNotFound or TaskNotFound.
    """
    known = await projects.by_uids(conn, [found.project_uid])
    project = known.get(found.project_uid)
    if project is None:
        raise ProjectNotFound
    row = await _locked(conn, project, found.asset_uid)
    if not _awaited(row, now_us()):
        return
    asset = assets.from_body(row.asset)
    if found.annotations is not None and _fits(found.annotations, asset, project):
        await _agree(conn, project, row, asset, found.annotations)
    else:
        await _ask_on(conn, project, row)
    await _disagree(conn, project, row, 1.0 - found.agreement)
    await placing.place(conn, project, [row.uid])


async def _locked(conn: AsyncConnection, project: Project, uid: str) -> Row[*tuple[Any, ...]]:
    query = (
        select(tables.tasks, _a.body.label("asset"), _l.body.label("base"))
        .join(tables.assets, _a.uid == _t.uid)
        .outerjoin(tables.labels, _l.uid == _t.label_uid)
        .where(_t.uid == uid, _t.project_uid == project.uid)
        .with_for_update(of=tables.tasks)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise TaskNotFound
    return row


def _awaited(row: Row[*tuple[Any, ...]], now: int) -> bool:
    busy = row.lease_expire_us > now and row.reviewer != CONSENSUS
    return row.state == TaskState.OPEN and 1 < row.answers_wanted <= row.answers and not busy


def _fits(annotations: tuple[Annotation, ...], asset: Asset, project: Project) -> bool:
    try:
        check_label(annotations, asset, project.definition.ontology)
    except LabelError:
        return False
    return True


async def _agree(
    conn: AsyncConnection,
    project: Project,
    row: Row[*tuple[Any, ...]],
    asset: Asset,
    annotations: tuple[Annotation, ...],
) -> None:
    now = now_us()
    base = label_pb2.Label.FromString(row.base) if row.base is not None else None
    label = revisions.numbered(
        Label(
            kind=LabelKind.REVIEW,
            author=CONSENSUS,
            annotations=by_person(annotations),
            uid=new_uid(),
            asset_uid=asset.uid,
            create_time_us=now,
        ),
        row.revision + 1,
    )
    origin = await after(conn, row.label_uid, label, Source.CONSENSUS)
    await revisions.store(conn, [(project, label)], {label.uid: origin})
    values = {
        "state": TaskState.DONE,
        "decision": _decision(base, label).value,
        "review_time_us": now,
        "lease_expire_us": 0,
        "revision": row.revision + 1,
        "label_uid": label.uid,
        "label_kind": LabelKind.REVIEW.value,
        "author": CONSENSUS,
        "reviewer": CONSENSUS,
        "answers": 0,
        "answers_wanted": 0,
        "stage": 0,
    }
    await conn.execute(update(tables.tasks).where(_t.uid == row.uid).values(values))
    await conn.execute(delete(engagements).where(engagements.c.task_uid == row.uid))
    await _tell(conn, project, row, asset, label)


async def _tell(
    conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]], asset: Asset, label: Label
) -> None:
    base = label_pb2.Label.FromString(row.base) if row.base is not None else None
    pb = label_to_pb(label, project.project_id)
    event = review_events_pb2.LabelReviewed(
        asset=asset_to_pb(asset, project.project_id),
        decision=decision_to_pb(_decision(base, label)),
        base=base,
        label=pb,
        reviewer=CONSENSUS,
        sealed=row.sealed > 0,
        answers=row.answers,
    )
    await outbox.add(conn, event, project.uid)
    if row.sealed > 0:
        await gold.learn(conn, asset.uid, pb, label_from_pb(base) if base else None, CONSENSUS)


def _decision(base: label_pb2.Label | None, label: Label) -> Decision:
    unchanged = base is not None and same_claims(label_from_pb(base).annotations, label.annotations)
    return Decision.ACCEPT if unchanged else Decision.CORRECT


async def _ask_on(conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]]) -> None:
    values: dict[str, Any] = {"lease_expire_us": 0, "reviewer": ""}
    if row.answers < project.routing.max_answers:
        values["answers_wanted"] = row.answers + 1
    else:
        # From here on one answer decides, by somebody who has not answered yet.
        values |= {
            "answers_wanted": 1,
            "sent_by": CONSENSUS,
            "sent_pool": project.routing.escalation_pool,
            "sent_reason": f"{row.answers} people do not agree.",
        }
    await conn.execute(update(tables.tasks).where(_t.uid == row.uid).values(values))


async def _disagree(
    conn: AsyncConnection, project: Project, row: Row[*tuple[Any, ...]], disagreement: float
) -> None:
    place = rank(replace(terms_of(row), disagreement=disagreement), project.definition.weights)
    stored = update(tables.tasks).where(_t.uid == row.uid).values(disagreement=disagreement, rank=place)
    await conn.execute(stored)
