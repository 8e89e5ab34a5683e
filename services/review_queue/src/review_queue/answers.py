"""SQL room: answering review tasks.

What was handed out never changes, so it is read and checked before the write transaction; that one is short, and its
UPDATE says again all that the decision rested on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind
from labels.proto import asset_to_pb, correction_op_to_pb, label_from_pb, label_to_pb
from review_queue import assets, requests, review, revisions, tables
from review_queue.assurance import evidence, gold, honeypots, testing
from review_queue.assurance.evidence import Answered
from review_queue.errors import EtagMismatch, LeaseLost, TaskNotFound
from review_queue.lineage.digest import Kind
from review_queue.lineage.entries import enter
from review_queue.measures.learning import Learned, is_slow, learn
from review_queue.measures.rollup import rework
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell, Outcome
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import MOVES, Decision, LeasedTask, Submission, TaskState
from review_queue.routing import moving, turning
from review_queue.routing import turn as turns
from review_queue.routing.turn import ANSWERED, Step, Turn
from review_queue.search.following import answered
from review_queue.shown import turn_of
from review_queue.wire import decision_to_pb

_t, _a, _l = tables.tasks.c, tables.assets.c, tables.labels.c


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be stored: the reviewed claims (None when rejected) about what was handed out."""

    asset: Asset
    base: Label | None
    annotations: tuple[Annotation, ...] | None
    submission: Submission
    time_us: int
    learned: Learned
    hidden: Label | None = None
    sealed: bool = False
    step: Step = ANSWERED


async def submit(
    db: Database, blobs: Blobs, project: Project, uid: str, submission: Submission, request: Request
) -> label_pb2.Label | None:
    """Answer a leased task: task, label, review, event and the request's answer in one commit.

    Raises TaskNotFound, LeaseLost, EtagMismatch, SubmissionInvalid, CorrectionInvalid, AnnotationInvalid,
    OntologyError or RequestIdReused.
    """
    review.check(submission)
    if submission.decision in MOVES:
        await moving.move(db, project, uid, submission, request)
        return None
    async with db.read() as conn:
        if (answer := await requests.seen(conn, project.uid, request)) is not None:
            return _from_answer(answer)
        task, asset, turn = await _leased(conn, project, uid)
        pot = await honeypots.find(conn, project, uid, submission.reviewer) if task.answered else None
    if pot is not None:
        return await testing.submit(db, blobs, project, pot, submission, request)
    now = now_us()
    annotations = review.decide(task, submission, now)
    step = turns.step(project.routing, turn, task.base, submission.decision, submission.reviewer)
    if annotations is not None:
        await revisions.check(blobs, project, asset, annotations)
    learned = await _learn(project, uid, task, annotations)
    answered = Answer(asset, task.base, annotations, submission, now, learned, task.hidden, task.sealed, step)
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, request)) is not None:
            return _from_answer(answer)
        label = await _store(conn, project, answered)
        body = label.SerializeToString() if label else b""
        await requests.answer(conn, project.uid, request, body)
    return label


def _from_answer(answer: bytes) -> label_pb2.Label | None:
    return label_pb2.Label.FromString(answer) if answer else None


async def _leased(conn: AsyncConnection, project: Project, uid: str) -> tuple[LeasedTask, Asset, Turn]:
    query = (
        select(tables.tasks, _a.body.label("asset"), _l.body.label("base"))
        .join(tables.assets, _a.uid == _t.uid)
        .outerjoin(
            tables.labels, _l.uid == func.coalesce(func.nullif(_t.leased_label_uid, ""), _t.hidden_label_uid)
        )
        .where(_t.uid == uid, _t.project_uid == project.uid)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise TaskNotFound
    label = label_from_pb(label_pb2.Label.FromString(row.base)) if row.base is not None else None
    task = LeasedTask(
        state=TaskState(row.state),
        reviewer=row.reviewer,
        fencing_token=row.fencing_token,
        lease_expire_us=row.lease_expire_us,
        base=label if row.leased_label_uid else None,
        hidden=None if row.leased_label_uid else label,
        overruled=row.label_uid != row.leased_label_uid and row.label_kind != LabelKind.PREDICTION,
        sealed=row.sealed > 0,
    )
    return task, assets.from_body(row.asset), turn_of(row)


async def _learn(
    project: Project, uid: str, task: LeasedTask, annotations: Sequence[Annotation] | None
) -> Learned:
    """What the answer says about the prediction; pictures are compared beside the event loop."""
    label = task.base or task.hidden
    if is_slow(annotations, label.annotations if label else ()):
        return await asyncio.to_thread(learn, project.holdout, uid, task.base, task.hidden, annotations)
    return learn(project.holdout, uid, task.base, task.hidden, annotations)


async def _store(conn: AsyncConnection, project: Project, answer: Answer) -> label_pb2.Label | None:
    label_uid = new_uid() if answer.annotations is not None else ""
    submission = answer.submission
    closed = await _close(conn, project, answer, label_uid)
    label = _label(answer, label_uid, closed.revision)
    if label is not None:
        origin = await answered(conn, answer.base or answer.hidden, answer.learned, label)
        await revisions.store(conn, [(project, label)], {label.uid: origin})
    pb = label_to_pb(label, project.project_id) if label else None
    event = _event(project, answer, pb)
    await outbox.add(conn, event, project.uid)
    ops = review_events_pb2.LabelReviewed(ops=event.ops).SerializeToString()
    await _record(conn, project, answer, label_uid, ops)
    looked_at = answer.base or answer.hidden
    first = not answer.step.aside or answer.step.turn.answers == 1
    # An asset is drawn once, so of several answers one is evidence.
    if first:
        facts = (closed.audit, closed.sealed, closed.severity)
        await evidence.record(conn, project, Answered(answer.asset, looked_at, answer.annotations, *facts))
    if project.routing.revision:
        await turning.turn(conn, project, answer.asset.uid, submission.reviewer, answer.step)
    if answer.sealed and answer.step.done:
        await gold.learn(conn, answer.asset.uid, pb, looked_at, answer.submission.reviewer)
    if (
        answer.base
        and answer.base.kind is LabelKind.REVIEW
        and answer.submission.decision is not Decision.ACCEPT
    ):
        await rework(conn, answer.base.uid)
    return pb


async def _close(
    conn: AsyncConnection, project: Project, answer: Answer, label_uid: str
) -> Row[*tuple[Any, ...]]:
    """Mark the task answered if all is still as it was.

    What it is then: the revision of the asset's newest label, `audit`, `sealed` and `severity`.
    """
    submission = answer.submission
    values: dict[str, Any] = {"lease_expire_us": 0}
    if answer.step.done:
        values |= {
            "state": TaskState.DONE,
            "decision": submission.decision.value,
            "review_time_us": answer.time_us,
        }
    if label_uid:
        values["revision"] = _t.revision + 1
    if label_uid and not answer.step.aside:
        values |= {
            "label_uid": label_uid,
            "label_kind": LabelKind.REVIEW.value,
            "author": submission.reviewer,
        }
    closed = await conn.execute(
        update(tables.tasks)
        .where(
            _t.uid == answer.asset.uid,
            _t.project_uid == project.uid,
            _t.state == TaskState.OPEN,
            _t.reviewer == submission.reviewer,
            _t.fencing_token == submission.fencing_token,
            _t.lease_expire_us > answer.time_us,
            or_(_t.label_uid == _t.leased_label_uid, _t.label_kind == LabelKind.PREDICTION.value),
        )
        .values(values)
        .returning(_t.revision, _t.audit, _t.sealed, _t.severity)
    )
    row = closed.one_or_none()
    if row is None:
        task, _, _ = await _leased(conn, project, answer.asset.uid)
        raise EtagMismatch if task.overruled and task.state is TaskState.OPEN else LeaseLost
    return row


def _label(answer: Answer, uid: str, revision: int) -> Label | None:
    if answer.annotations is None:
        return None
    label = Label(
        kind=LabelKind.REVIEW,
        author=answer.submission.reviewer,
        annotations=answer.annotations,
        uid=uid,
        asset_uid=answer.asset.uid,
        create_time_us=answer.time_us,
    )
    return revisions.numbered(label, revision)


def _event(
    project: Project, answer: Answer, label: label_pb2.Label | None
) -> review_events_pb2.LabelReviewed:
    return review_events_pb2.LabelReviewed(
        asset=asset_to_pb(answer.asset, project.project_id),
        decision=decision_to_pb(answer.submission.decision),
        base=label_to_pb(answer.base, project.project_id) if answer.base else None,
        label=label,
        ops=map(correction_op_to_pb, answer.submission.ops),
        reviewer=answer.submission.reviewer,
        sealed=answer.sealed,
        active_seconds=answer.submission.active_seconds,
        answers=max(1, answer.step.turn.answers),
        answers_wanted=answer.step.turn.wanted if answer.step.aside else 0,
    )


async def _record(
    conn: AsyncConnection, project: Project, answer: Answer, label_uid: str, ops: bytes
) -> None:
    """Keep the review and what it says about the prediction it began with."""
    learned = answer.learned.outcome
    uid = new_uid()
    looked_at = answer.base or answer.hidden
    run_uid = revisions.run_uid(looked_at) if looked_at else ""
    row = {
        "uid": uid,
        "project_uid": project.uid,
        "asset_uid": answer.asset.uid,
        "base_label_uid": answer.base.uid if answer.base else "",
        "label_uid": label_uid,
        "reviewer": answer.submission.reviewer,
        "decision": answer.submission.decision.value,
        "reason": answer.submission.reason,
        "ops": ops,
        "active_seconds": answer.submission.active_seconds,
        "create_time_us": answer.time_us,
        "run_uid": run_uid,
        "arm": answer.learned.arm,
        "experiment": answer.learned.experiment,
        **_facts(learned),
        **await gold.judge(conn, answer.asset.uid, answer.annotations, looked_at),
    }
    await conn.execute(insert(tables.reviews).values(row))
    await enter(conn, Kind.REVIEW, [row])
    if learned and learned.cells:
        key = {"review_uid": uid, "project_uid": project.uid, "run_uid": run_uid}
        await conn.execute(
            insert(tables.confusion),
            [
                key | _pair(cell, replace(answer.learned.moved.get(cell, CellTotals()), n=n))
                for cell, n in learned.cells.items()
            ],
        )


def _pair(cell: Cell, counts: CellTotals) -> dict[str, Any]:
    tool, predicted, reviewed = cell
    return {"tool": tool, "predicted": predicted, "reviewed": reviewed, **asdict(counts)}


def _facts(learned: Outcome | None) -> dict[str, float | int | None]:
    if learned is None:
        return {}
    return {
        "confidence": learned.confidence,
        "unchanged": int(learned.unchanged),
        "true_positives": learned.true_positives,
        "false_positives": learned.false_positives,
        "false_negatives": learned.false_negatives,
    }
