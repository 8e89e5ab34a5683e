"""missing_required: what it lets pass and what it flags."""

from labels.label import Annotation, Choice, Severity, Span

SPORT = Annotation("a0", "topic", "sport", Choice())
ANN = Annotation("a1", "entity", "person", Span(0, 3, "Ann"))


def test_lets_pass_what_answers_each_single_choice(ask) -> None:
    assert ask("missing_required", SPORT) == []
    assert ask("missing_required", ANN, SPORT) == []


def test_flags_a_single_choice_without_an_answer(ask) -> None:
    (finding,) = ask("missing_required", ANN)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, "")
    assert finding.message == 'The label has no annotation of the tool "topic".'


def test_which_tools_is_a_parameter(ask) -> None:
    assert ask("missing_required", ANN, parameters={"tools": ("entity",)}) == []
    found = ask("missing_required", parameters={"tools": ("entity", "outline")})
    assert [finding.message.split('"')[1] for finding in found] == ["entity", "outline"]
