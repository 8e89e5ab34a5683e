"""model_human_disagreement: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, LabelKind, Severity
from qa_engine.history import Choice as Chosen
from qa_engine.history import History

SPORT = Annotation("a0", "topic", "sport", Choice())


def model(category: str, confidence: float, tool: str = "topic") -> History:
    return History(choices={tool: Chosen(category, confidence)})


NOOP = {
    "no prediction": History(),
    "the same": model("sport", 0.99),
    "a doubtful model": model("politics", 0.79),
    "another tool": model("politics", 0.99, "entity"),
}


@pytest.mark.parametrize("history", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, history: History) -> None:
    assert ask("model_human_disagreement", SPORT, kind=LabelKind.REVIEW, history=history) == []


def test_lets_predictions_pass(ask) -> None:
    assert ask("model_human_disagreement", SPORT, history=model("politics", 0.9)) == []


@pytest.mark.parametrize("kind", [LabelKind.DEFAULT, LabelKind.REVIEW])
def test_flags_a_person_who_contradicts_a_sure_model(ask, kind: LabelKind) -> None:
    (finding,) = ask("model_human_disagreement", SPORT, kind=kind, history=model("politics", 0.8))
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "a0")
    assert finding.message == 'The model chose "politics" with a confidence of 0.8.'


def test_how_sure_is_a_parameter(ask) -> None:
    lower = {"min_confidence": 0.1}
    asked = ask(
        "model_human_disagreement",
        SPORT,
        kind=LabelKind.REVIEW,
        history=model("politics", 0.1),
        parameters=lower,
    )
    assert len(asked) == 1
