"""The decision on a leased task."""

from typing import Any

import pytest

from labels.correction import Add, Relabel
from labels.errors import CorrectionInvalid
from labels.label import Annotation, Choice, Label, LabelKind, Span
from review_queue.errors import (
    EtagMismatch,
    LeaseLost,
    NothingToAccept,
    OpsMissing,
    OpsUnwanted,
    ReasonMissing,
    SubmissionInvalid,
)
from review_queue.review import MAX_OPS, Decision, LeasedTask, Submission, TaskState, check, decide

NOW = 1_000_000
GERMANY = Annotation("a0", "entities", "location", Span(0, 7, "Germany"), 0.8)
BASE = Label(LabelKind.PREDICTION, "model", (GERMANY,), uid="L", asset_uid="A", revision=1, etag="1-L")


def task(**changes: Any) -> LeasedTask:
    values: dict[str, Any] = {
        "state": TaskState.OPEN,
        "reviewer": "ann",
        "fencing_token": 7,
        "lease_expire_us": NOW + 1,
        "base": BASE,
        "overruled": False,
    }
    return LeasedTask(**(values | changes))


def submission(decision: Decision, **changes: Any) -> Submission:
    values: dict[str, Any] = {"reviewer": "ann", "fencing_token": 7, "base_etag": "1-L", "decision": decision}
    return Submission(**(values | changes))


def test_accept_keeps_the_claims_and_drops_the_models_confidence() -> None:
    final = decide(task(), submission(Decision.ACCEPT), NOW)
    assert final is not None
    assert [(a.id, a.category, a.confidence) for a in final] == [("a0", "location", 0.0)]


def test_correct_applies_the_operations() -> None:
    final = decide(task(), submission(Decision.CORRECT, ops=(Relabel("a0", "miscellaneous"),)), NOW)
    assert final is not None
    assert [a.category for a in final] == ["miscellaneous"]


def test_reject_has_no_label() -> None:
    assert decide(task(), submission(Decision.REJECT, reason="unreadable"), NOW) is None


def test_without_a_label_one_corrects_from_nothing() -> None:
    bare = task(base=None)
    topic = Annotation("n0", "topic", "sport", Choice())
    assert decide(bare, submission(Decision.CORRECT, base_etag="", ops=(Add(topic),)), NOW) == (topic,)
    assert decide(bare, submission(Decision.CORRECT, base_etag=""), NOW) == ()
    with pytest.raises(NothingToAccept):
        decide(bare, submission(Decision.ACCEPT, base_etag=""), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"lease_expire_us": NOW},
        {"reviewer": "bob"},
        {"fencing_token": 8},
        {"state": TaskState.DONE},
        {"state": TaskState.WAITING},
    ],
)
def test_a_lease_that_is_gone(changes: dict[str, Any]) -> None:
    with pytest.raises(LeaseLost):
        decide(task(**changes), submission(Decision.ACCEPT), NOW)


@pytest.mark.parametrize("decision", list(Decision))
def test_another_label_than_was_seen(decision: Decision) -> None:
    with pytest.raises(EtagMismatch):
        decide(task(), submission(decision, base_etag="1-M", reason="x"), NOW)
    with pytest.raises(EtagMismatch):
        decide(task(overruled=True), submission(decision, reason="x"), NOW)


def test_a_correction_must_change_something_that_is_there() -> None:
    with pytest.raises(OpsMissing):
        decide(task(), submission(Decision.CORRECT), NOW)
    with pytest.raises(CorrectionInvalid):
        decide(task(), submission(Decision.CORRECT, ops=(Relabel("a9", "person"),)), NOW)


@pytest.mark.parametrize(
    ("decision", "changes", "error"),
    [
        (Decision.ACCEPT, {"ops": (Relabel("a0", "person"),)}, OpsUnwanted),
        (Decision.REJECT, {"ops": (Relabel("a0", "person"),), "reason": "x"}, OpsUnwanted),
        (Decision.REJECT, {"reason": "  "}, ReasonMissing),
        (Decision.REJECT, {"reason": "x" * 2_001}, SubmissionInvalid),
        (Decision.REJECT, {"reason": "x\x00"}, SubmissionInvalid),
        (Decision.ACCEPT, {"active_seconds": -1.0}, SubmissionInvalid),
        (Decision.ACCEPT, {"active_seconds": float("nan")}, SubmissionInvalid),
        (Decision.ACCEPT, {"active_seconds": 86_401.0}, SubmissionInvalid),
        (Decision.CORRECT, {"ops": (Relabel("a0", "x"),) * (MAX_OPS + 1)}, SubmissionInvalid),
    ],
)
def test_answers_that_are_wrong_whatever_the_task(
    decision: Decision, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        check(submission(decision, **changes))
