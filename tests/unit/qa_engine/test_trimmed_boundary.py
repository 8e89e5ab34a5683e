"""trimmed_boundary: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, Severity, Span


def spot(text: str, start: int = 0) -> Annotation:
    return Annotation("a0", "entity", "person", Span(start, start + len(text), text))


NOOP = {
    "a word": spot("Ann"),
    "two words": spot("Ann Lee"),
    "punctuation": spot("(Ann),"),
    "a line break inside": spot("Ann\nLee"),
    "a combining mark": spot("Zoe\u0308"),
    "no span": Annotation("a0", "topic", "sport", Choice()),
    "what span_in_text says": spot(""),
}


@pytest.mark.parametrize("annotation", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation) -> None:
    assert ask("trimmed_boundary", annotation) == []


FLAGGED = {
    "a space before": (spot(" Ann"), "begins"),
    "a space behind": (spot("Ann "), "ends"),
    "a line break": (spot("Ann\n"), "ends"),
    "a no-break space": (spot("\u00a0Ann"), "begins"),
}


@pytest.mark.parametrize(("annotation", "side"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotation: Annotation, side: str) -> None:
    (finding,) = ask("trimmed_boundary", annotation)
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "a0")
    assert finding.message == f"The span {side} with white space."


def test_both_ends_are_two_findings(ask) -> None:
    assert len(ask("trimmed_boundary", spot(" "))) == 2


def test_more_characters_are_a_parameter(ask) -> None:
    found = ask("trimmed_boundary", spot("(Ann,"), parameters={"characters": (",.", "(")})
    assert [finding.message for finding in found] == [
        "The span begins with a character that does not belong to it.",
        "The span ends with a character that does not belong to it.",
    ]
