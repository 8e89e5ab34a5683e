"""low_confidence: what it lets pass and what it flags."""

from labels.label import Annotation, Choice, LabelKind, Severity


def claim(confidence: float) -> Annotation:
    return Annotation("a0", "topic", "sport", Choice(), confidence)


def test_lets_pass_what_the_model_is_sure_of(ask) -> None:
    assert ask("low_confidence", claim(0.5)) == []


def test_lets_pass_what_people_say(ask) -> None:
    assert ask("low_confidence", claim(0.0), kind=LabelKind.DEFAULT) == []


def test_flags_what_the_model_doubts(ask) -> None:
    (finding,) = ask("low_confidence", claim(0.499))
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "a0")
    assert finding.message == "The model's confidence is 0.499, less than 0.5."


def test_the_least_is_a_parameter(ask) -> None:
    assert ask("low_confidence", claim(0.2), parameters={"min_confidence": 0.2}) == []
