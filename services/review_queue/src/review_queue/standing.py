"""Where an asset stands with its labels, and what news does to that, as pure functions.

    WAITING --a prediction, its failure, a label from outside--> OPEN --a person's answer--> DONE
    OPEN --a policy takes the model's label unseen--> DONE --an error found by a rule, a demotion--> OPEN
    DONE --a label from outside, on a rejected asset; a rule blocks the label--> OPEN

A prediction becomes the current label only while no person has said anything, but for the boxes that it was made of: it
replaces no other label of a person, and it never reopens a task.
"""

from dataclasses import dataclass, replace

from labels.label import LabelKind
from review_queue.errors import AlreadyReviewed
from review_queue.review import Decision, TaskState


@dataclass(frozen=True, slots=True)
class Standing:
    """An asset's task as far as labels concern it.

    `revision` is that of the newest label, `label_uid` and `label_kind` (empty, None without one) those of the current
    one and `author` made it; `uncertainty` and `severity` are the terms of the priority. `confidence`, `run_uid` (empty
    without one) and `findings`, a number, are those of the label that a person is to look at or has looked at; `boost`
    and `pool` (empty for anyone) are what rules say about its way to a person.
    """

    state: TaskState
    revision: int = 0
    label_uid: str = ""
    label_kind: LabelKind | None = None
    decision: Decision | None = None
    uncertainty: float = 1.0
    severity: float = 0.0
    prediction_error: str = ""
    author: str = ""
    run_uid: str = ""
    confidence: float | None = None
    findings: int = 0
    review_time_us: int = 0
    boost: float = 0.0
    pool: str = ""

    @property
    def open_to_models(self) -> bool:
        """Whether a prediction may become the current label."""
        return self.state is not TaskState.DONE and self.label_kind in (None, LabelKind.PREDICTION)


def after_prediction(
    standing: Standing,
    label_uid: str,
    confidence: float | None,
    severity: float,
    *,
    findings: int = 0,
    author: str = "",
    run_uid: str = "",
    boost: float = 0.0,
    pool: str = "",
    prompted: bool = False,
) -> Standing:
    """A model labelled the asset; `severity` and `findings` are those of findings that came before the label.

    With `prompted` a person's label from outside review that is the current one was only the model's prompt.
    """
    revised = replace(standing, revision=standing.revision + 1)
    asked = prompted and standing.state is TaskState.OPEN and standing.label_kind is LabelKind.DEFAULT
    if not (standing.open_to_models or asked):
        return revised
    return replace(
        revised,
        state=TaskState.OPEN,
        label_uid=label_uid,
        label_kind=LabelKind.PREDICTION,
        uncertainty=1.0 if confidence is None else 1.0 - confidence,
        severity=severity,
        prediction_error="",
        author=author,
        run_uid=run_uid,
        confidence=confidence,
        findings=findings,
        boost=boost,
        pool=pool,
    )


def after_failure(standing: Standing, reason: str) -> Standing:
    """A model gave no usable answer; where there is a label already, that label stays the answer."""
    if not standing.open_to_models or standing.label_uid:
        return standing
    return replace(standing, state=TaskState.OPEN, uncertainty=1.0, prediction_error=reason)


def after_label(standing: Standing, label_uid: str, severity: float = 0.0, *, author: str = "") -> Standing:
    """A label was made outside review: a person is to look at it. Raises AlreadyReviewed."""
    if standing.label_kind is LabelKind.REVIEW:
        raise AlreadyReviewed
    return replace(
        standing,
        state=TaskState.OPEN,
        revision=standing.revision + 1,
        label_uid=label_uid,
        label_kind=LabelKind.DEFAULT,
        decision=None,
        uncertainty=1.0,
        severity=severity,
        prediction_error="",
        author=author,
        run_uid="",
        confidence=None,
        findings=0,
        review_time_us=0,
        boost=0.0,
        pool="",
    )


def after_edit(standing: Standing, label_uid: str, *, author: str = "") -> Standing:
    """A person changed the current label outside of the queue; a reviewed label stays a reviewed one."""
    if standing.label_kind is not LabelKind.REVIEW:
        return after_label(standing, label_uid, author=author)
    return replace(standing, revision=standing.revision + 1, label_uid=label_uid, author=author)


def after_patch(standing: Standing, label_uid: str) -> Standing:
    """Rules changed the current label: it stands as before, and its findings come anew."""
    return replace(standing, revision=standing.revision + 1, label_uid=label_uid)


def after_block(standing: Standing, label_uid: str) -> Standing:
    """Rules say that a person's label must not stand: where it is the current one its task opens again."""
    blocked = standing.label_kind is LabelKind.REVIEW and standing.label_uid == label_uid
    if not blocked or standing.state is not TaskState.DONE:
        return standing
    return replace(standing, state=TaskState.OPEN, decision=None, review_time_us=0)


def after_findings(
    standing: Standing,
    label_uid: str,
    severity: float,
    findings: int = 0,
    *,
    boost: float = 0.0,
    pool: str = "",
) -> Standing:
    """Rules looked at a label; only what they say about the current label of an open task moves the task."""
    if standing.label_uid == label_uid and severity >= 1.0:
        # An error found by a rule: nobody may take the label unseen.
        standing = after_withdrawal(standing)
    if standing.state is not TaskState.OPEN or standing.label_uid != label_uid:
        return standing
    return replace(standing, severity=severity, findings=findings, boost=boost, pool=pool)


def after_acceptance(standing: Standing, time_us: int) -> Standing:
    """A policy takes the model's label of an open task as it is: nobody needs to look."""
    return replace(standing, state=TaskState.DONE, decision=Decision.AUTO_ACCEPT, review_time_us=time_us)


def after_withdrawal(standing: Standing) -> Standing:
    """What was accepted unseen is for people after all; any other standing stays as it is."""
    if standing.decision is not Decision.AUTO_ACCEPT:
        return standing
    return replace(standing, state=TaskState.OPEN, decision=None, review_time_us=0)
