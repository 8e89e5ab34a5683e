"""Answering a review task, as pure functions.

A leased task is an OPEN one whose lease has not run out, so a lease that does run out needs nobody to notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from labels.correction import CorrectionOp, apply
from labels.label import Annotation, Label
from review_queue.errors import (
    EtagMismatch,
    LeaseLost,
    NothingToAccept,
    OpsMissing,
    OpsUnwanted,
    ReasonMissing,
    SubmissionInvalid,
)

MAX_OPS = 10_000
MAX_REASON = 2_000
MAX_ACTIVE_SECONDS = 86_400.0


class TaskState(IntEnum):
    """Where a task stands; LEASED is never stored, it is OPEN with a lease that has not run out."""

    WAITING = 1
    OPEN = 2
    LEASED = 3
    DONE = 4


class Decision(StrEnum):
    """What a reviewer decided, or with AUTO_ACCEPT a policy without one; the last three leave the answer to others."""

    ACCEPT = "ACCEPT"
    CORRECT = "CORRECT"
    REJECT = "REJECT"
    AUTO_ACCEPT = "AUTO_ACCEPT"
    SEND_BACK = "SEND_BACK"
    ESCALATE = "ESCALATE"
    SKIP = "SKIP"


MOVES = frozenset({Decision.SEND_BACK, Decision.ESCALATE, Decision.SKIP})
"""Decisions that answer nothing: the task stays open for others."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An answer to a task; `active_seconds` is the time worked on it, `pool` where a move sends it."""

    reviewer: str
    fencing_token: int
    base_etag: str
    decision: Decision
    ops: tuple[CorrectionOp, ...] = ()
    reason: str = ""
    active_seconds: float = 0.0
    pool: str = ""


@dataclass(frozen=True, slots=True)
class LeasedTask:
    """A task as it is now, and the label that its last lease handed out.

    `overruled` says that a person changed the label since the lease began; `hidden` is the prediction that was held
    back, so that there is no `base`. Times are microseconds since the epoch.
    """

    state: TaskState
    reviewer: str
    fencing_token: int
    lease_expire_us: int
    base: Label | None
    overruled: bool
    sealed: bool = False
    hidden: Label | None = None

    @property
    def answered(self) -> bool:
        """Whether it needs no answer any more."""
        return self.state is TaskState.DONE


def check(submission: Submission) -> None:
    """Raise SubmissionInvalid, OpsUnwanted or ReasonMissing for what is wrong whatever the task is."""
    if submission.decision is Decision.AUTO_ACCEPT:
        raise SubmissionInvalid("A person accepts, corrects or rejects.")
    if len(submission.ops) > MAX_OPS:
        raise SubmissionInvalid(f"A correction may have {MAX_OPS:,} operations.")
    if len(submission.reason) > MAX_REASON:
        raise SubmissionInvalid(f"A reason may have {MAX_REASON:,} characters.")
    if "\x00" in submission.reason:
        raise SubmissionInvalid("A reason may not hold a NUL character.")
    if not 0.0 <= submission.active_seconds <= MAX_ACTIVE_SECONDS:
        raise SubmissionInvalid("The active seconds must be 0 to 86,400.")
    if submission.ops and submission.decision is not Decision.CORRECT:
        raise OpsUnwanted
    silent = submission.decision in (Decision.ACCEPT, Decision.CORRECT, Decision.SKIP)
    if not silent and not submission.reason.strip():
        raise ReasonMissing
    if submission.pool and submission.decision not in (Decision.SEND_BACK, Decision.ESCALATE):
        raise SubmissionInvalid("Only what is sent back or escalated goes to a pool.")


def decide(task: LeasedTask, submission: Submission, now_us: int) -> tuple[Annotation, ...] | None:
    """The annotations of the reviewed label, None when the asset is rejected.

    Raises LeaseLost, EtagMismatch, NothingToAccept, OpsMissing, or CorrectionInvalid from an operation.
    """
    check_lease(task, submission, now_us)
    if submission.base_etag != (task.base.etag if task.base else "") or task.overruled:
        raise EtagMismatch
    base = task.base.annotations if task.base else ()
    match submission.decision:
        case Decision.REJECT:
            return None
        case Decision.ACCEPT:
            if task.base is None:
                raise NothingToAccept
            return by_person(base)
        case Decision.CORRECT:
            if task.base is not None and not submission.ops:
                raise OpsMissing
            return by_person(apply(base, submission.ops))
        case _:
            raise SubmissionInvalid


def check_lease(task: LeasedTask, submission: Submission, now_us: int) -> None:
    """Raise LeaseLost unless the lease is alive and the submitter's."""
    alive = task.state is TaskState.OPEN and task.lease_expire_us > now_us
    if not alive or (task.reviewer, task.fencing_token) != (submission.reviewer, submission.fencing_token):
        raise LeaseLost


def by_person(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """The annotations as a person's: a model's confidence says nothing about them."""
    return tuple(replace(a, confidence=0.0) if a.confidence else a for a in annotations)
