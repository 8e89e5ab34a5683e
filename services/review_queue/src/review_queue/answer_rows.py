"""What an answer to a task is in rows: the task's new columns, and all that is stored along with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Row

from chassis import outbox
from chassis.at_once import Rows
from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind
from labels.proto import asset_to_pb, correction_op_to_pb
from review_queue import requests, revisions, tables
from review_queue.lineage.digest import Kind
from review_queue.lineage.entries import entries
from review_queue.lineage.tables import chain
from review_queue.measures.learning import Learned
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell, Outcome
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import LeasedTask, Submission, TaskState
from review_queue.routing.turn import Step, Turn
from review_queue.search.origin import Origin
from review_queue.wire import decision_to_pb

CLOSED = ("state", "decision", "review_time_us", "revision", "label_uid", "label_kind", "author")
"""Columns of a task that an answer writes, beside the end of the lease."""
SEEN = ("revision", "label_uid", "audit", "sealed", "severity")
"""Columns of a task that an answer rests on: a label that came in the meantime, or a change in what the task is."""
_COUNTS = tuple(field.name for field in fields(CellTotals))


@dataclass(frozen=True, slots=True)
class Found:
    """A leased task as it was read: its row, what was handed out, and how far it has got between people."""

    row: Row[*tuple[Any, ...]]
    task: LeasedTask
    asset: Asset
    shown: label_pb2.Label | None
    turn: Turn


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be stored: the reviewed claims (None when rejected) about what was found.

    `made` is the label that comes of it, `label` its message, `origin` where it comes from; None where there is none.
    """

    found: Found
    submission: Submission
    annotations: tuple[Annotation, ...] | None
    made: Label | None
    label: label_pb2.Label | None
    time_us: int
    learned: Learned
    step: Step
    origin: Origin | None = None

    @property
    def looked_at(self) -> Label | None:
        """The label that the answer is about, whether its author saw it or not."""
        return self.found.task.base or self.found.task.hidden


def made(found: Found, reviewer: str, annotations: tuple[Annotation, ...], now_us: int) -> Label:
    """The label that comes of an answer, as the next revision of its asset's labels."""
    label = Label(
        kind=LabelKind.REVIEW,
        author=reviewer,
        annotations=annotations,
        uid=new_uid(),
        asset_uid=found.asset.uid,
        create_time_us=now_us,
    )
    return revisions.numbered(label, found.row.revision + 1)


def closing(project: Project, answer: Answer) -> dict[str, Any]:
    """The parameters of the UPDATE that closes the task: what it is if nothing has changed, and from then on."""
    row = answer.found.row
    return {
        "task_uid": row.uid,
        "in_project": project.uid,
        "by": answer.submission.reviewer,
        "token": answer.submission.fencing_token,
        "at_us": answer.time_us,
        **{f"seen_{name}": getattr(row, name) for name in SEEN},
        **{f"new_{name}": value for name, value in _closed(answer).items()},
    }


def _closed(answer: Answer) -> dict[str, Any]:
    """The task's columns after the answer; what stays is as it was read."""
    submission, label, step = answer.submission, answer.made, answer.step
    new = {name: getattr(answer.found.row, name) for name in CLOSED}
    if step.done:
        new |= {
            "state": TaskState.DONE,
            "decision": submission.decision.value,
            "review_time_us": answer.time_us,
        }
    if label is not None:
        new["revision"] = label.revision
    if label is not None and not step.aside:
        new |= {"label_uid": label.uid, "label_kind": LabelKind.REVIEW.value, "author": submission.reviewer}
    return new


def rows(project: Project, answer: Answer, request: Request, judged: Mapping[str, int]) -> list[Rows]:
    """What is stored with a closed task; `judged` are the review's columns that gold knows.

    Raises MessageTooLarge.
    """
    event = _event(project, answer)
    ops = review_events_pb2.LabelReviewed(ops=event.ops).SerializeToString()
    review = {**_review(project, answer, ops), **judged}
    body = answer.label.SerializeToString() if answer.label else b""
    chained = entries(Kind.REVIEW, [review])
    return [
        *(
            (table, [*some, *chained] if table is chain else some)
            for table, some in _labels(project, answer, body)
        ),
        (tables.reviews, [review]),
        (tables.confusion, _confusion(review, answer.learned)),
        (outbox.outbox, outbox.rows([(event, project.uid, None)])),
        (tables.requests, [requests.row(project.uid, request, body)]),
    ]


def _labels(project: Project, answer: Answer, body: bytes) -> list[Rows]:
    if answer.made is None:
        return [(chain, [])]
    origins = {answer.made.uid: answer.origin} if answer.origin else {}
    return revisions.rows([(project, answer.made)], origins, {answer.made.uid: body})


def _event(project: Project, answer: Answer) -> review_events_pb2.LabelReviewed:
    return review_events_pb2.LabelReviewed(
        asset=asset_to_pb(answer.found.asset, project.project_id),
        decision=decision_to_pb(answer.submission.decision),
        base=answer.found.shown,
        label=answer.label,
        ops=map(correction_op_to_pb, answer.submission.ops),
        reviewer=answer.submission.reviewer,
        sealed=answer.found.task.sealed,
        active_seconds=answer.submission.active_seconds,
        answers=max(1, answer.step.turn.answers),
        answers_wanted=answer.step.turn.wanted if answer.step.aside else 0,
    )


def _review(project: Project, answer: Answer, ops: bytes) -> dict[str, Any]:
    base, looked_at = answer.found.task.base, answer.looked_at
    return {
        "uid": new_uid(),
        "project_uid": project.uid,
        "asset_uid": answer.found.asset.uid,
        "base_label_uid": base.uid if base else "",
        "label_uid": answer.made.uid if answer.made else "",
        "reviewer": answer.submission.reviewer,
        "decision": answer.submission.decision.value,
        "reason": answer.submission.reason,
        "ops": ops,
        "active_seconds": answer.submission.active_seconds,
        "create_time_us": answer.time_us,
        "run_uid": revisions.run_uid(looked_at) if looked_at else "",
        "arm": answer.learned.arm,
        "experiment": answer.learned.experiment,
        **_facts(answer.learned.outcome),
    }


def _confusion(review: Mapping[str, Any], learned: Learned) -> Sequence[dict[str, Any]]:
    if learned.outcome is None:
        return ()
    key = {"review_uid": review["uid"], "project_uid": review["project_uid"], "run_uid": review["run_uid"]}
    return [
        key | _pair(cell, replace(learned.moved.get(cell, CellTotals()), n=n))
        for cell, n in learned.outcome.cells.items()
    ]


def _pair(cell: Cell, counts: CellTotals) -> dict[str, Any]:
    tool, predicted, reviewed = cell
    return {
        "tool": tool,
        "predicted": predicted,
        "reviewed": reviewed,
        **{name: getattr(counts, name) for name in _COUNTS},
    }


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
