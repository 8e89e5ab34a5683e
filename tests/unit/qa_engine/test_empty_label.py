"""empty_label: what it lets pass and what it flags."""

from labels.label import Annotation, Choice, Severity


def test_lets_pass_what_claims_something(ask) -> None:
    assert ask("empty_label", Annotation("a0", "topic", "sport", Choice())) == []


def test_flags_what_claims_nothing(ask) -> None:
    (finding,) = ask("empty_label")
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "")
    assert finding.message == "The label has no annotation."
