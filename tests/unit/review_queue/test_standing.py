"""What news does to where an asset stands: above all, nothing takes a person's answer away."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.label import LabelKind
from review_queue.errors import AlreadyReviewed
from review_queue.review import Decision, TaskState
from review_queue.standing import (
    Standing,
    after_edit,
    after_failure,
    after_findings,
    after_label,
    after_prediction,
)

WAITING = Standing(TaskState.WAITING)
PREDICTED = after_prediction(WAITING, "p1", 0.75, 0.0)
REVIEWED = Standing(TaskState.DONE, 2, "r1", LabelKind.REVIEW, Decision.ACCEPT)

news = st.one_of(
    st.builds(
        lambda uid, raw, severity: lambda s: after_prediction(s, uid, raw, severity),
        st.text("p123", min_size=1, max_size=3),
        st.one_of(st.none(), st.floats(0, 1)),
        st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    ),
    st.builds(
        lambda why: lambda s: after_failure(s, why), st.sampled_from(["REPLY_MALFORMED", "TEXT_TOO_LONG"])
    ),
    st.builds(
        lambda uid, severity: lambda s: after_findings(s, uid, severity),
        st.sampled_from(["r1", "d1", "p1"]),
        st.sampled_from([0.0, 1.0]),
    ),
)


def test_a_prediction_opens_the_task() -> None:
    opened = Standing(TaskState.OPEN, 1, "p1", LabelKind.PREDICTION, None, 0.25, confidence=0.75)
    assert opened == PREDICTED


def test_a_prediction_without_confidence_is_as_uncertain_as_none() -> None:
    assert after_prediction(WAITING, "p1", None, 0.0).uncertainty == 1.0


def test_a_newer_prediction_replaces_an_older_one() -> None:
    newer = after_prediction(PREDICTED, "p2", 0.5, 1.0)
    assert (newer.revision, newer.label_uid, newer.uncertainty, newer.severity) == (2, "p2", 0.5, 1.0)


def test_a_failure_opens_the_task_for_a_person_and_a_later_prediction_clears_it() -> None:
    failed = after_failure(WAITING, "REPLY_MALFORMED")
    assert (failed.state, failed.prediction_error, failed.uncertainty) == (
        TaskState.OPEN,
        "REPLY_MALFORMED",
        1.0,
    )
    assert after_prediction(failed, "p1", 0.5, 0.0).prediction_error == ""


def test_a_failure_leaves_an_older_prediction_in_place() -> None:
    assert after_failure(PREDICTED, "REPLY_MALFORMED") == PREDICTED


def test_a_label_from_outside_opens_the_task_and_stays() -> None:
    given_label = after_label(WAITING, "d1")
    assert (given_label.state, given_label.label_kind) == (TaskState.OPEN, LabelKind.DEFAULT)
    later = after_prediction(given_label, "p1", 0.9, 0.0)
    assert (later.label_uid, later.revision, later.state) == ("d1", 2, TaskState.OPEN)


def test_a_label_that_was_only_the_prompt_gives_way_while_its_task_is_open() -> None:
    boxes = after_label(WAITING, "d1")
    made = after_prediction(boxes, "p1", 0.9, 0.0, run_uid="R", prompted=True)
    assert (made.label_uid, made.label_kind, made.run_uid) == ("p1", LabelKind.PREDICTION, "R")
    for held in (REVIEWED, replace(boxes, state=TaskState.DONE), replace(boxes, label_kind=LabelKind.REVIEW)):
        kept = after_prediction(held, "p1", 0.9, 0.0, prompted=True)
        assert kept == replace(held, revision=held.revision + 1)


def test_a_reviewed_label_is_edited_not_replaced() -> None:
    with pytest.raises(AlreadyReviewed):
        after_label(REVIEWED, "d1")
    edited = after_edit(REVIEWED, "r2")
    assert (edited.label_kind, edited.state, edited.revision) == (LabelKind.REVIEW, TaskState.DONE, 3)


def test_editing_a_prediction_makes_it_a_persons() -> None:
    edited = after_edit(PREDICTED, "d1")
    assert (edited.label_kind, edited.state, edited.revision) == (LabelKind.DEFAULT, TaskState.OPEN, 2)


def test_a_label_reopens_a_rejected_asset() -> None:
    rejected = Standing(TaskState.DONE, 1, "p1", LabelKind.PREDICTION, Decision.REJECT)
    reopened = after_label(rejected, "d1")
    assert (reopened.state, reopened.decision) == (TaskState.OPEN, None)


def test_findings_move_only_the_task_whose_current_label_they_are_about() -> None:
    assert after_findings(PREDICTED, "p1", 1.0).severity == 1.0
    assert after_findings(PREDICTED, "p0", 1.0) == PREDICTED
    assert after_findings(REVIEWED, "r1", 1.0) == REVIEWED


@given(st.lists(news, max_size=12))
def test_no_machine_takes_a_persons_answer_away(events: list) -> None:  # type: ignore[type-arg]
    reviewed, labelled = REVIEWED, after_label(WAITING, "d1")
    for event in events:
        reviewed, labelled = event(reviewed), event(labelled)
    assert (reviewed.state, reviewed.label_uid, reviewed.label_kind) == (
        TaskState.DONE,
        "r1",
        LabelKind.REVIEW,
    )
    assert (labelled.state, labelled.label_uid, labelled.label_kind) == (
        TaskState.OPEN,
        "d1",
        LabelKind.DEFAULT,
    )
