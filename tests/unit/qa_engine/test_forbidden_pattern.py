"""forbidden_pattern: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, Severity, Span
from qa_engine.engine import discover
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.rule import Ruleset, Settings

CARD = {"patterns": (r"\d{4}[ -]?\d{4}", r"(?i)^the ")}


def spot(text: str, tool: str = "entity") -> Annotation:
    return Annotation("a0", tool, "person", Span(0, len(text), text))


NOOP = {
    "other characters": spot("Ann Lee"),
    "too few digits": spot("1234-567"),
    "not at the start": spot("of the "),
    "a choice": Annotation("a0", "topic", "sport", Choice()),
    "nothing": spot(""),
}


@pytest.mark.parametrize("annotation", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation) -> None:
    assert ask("forbidden_pattern", annotation, parameters=CARD) == []


FLAGGED = {
    "digits": (spot("no. 1234-5678"), 1),
    "an article": (spot("The Hague"), 2),
    "after four-byte characters": (spot("👋🏽 12345678"), 1),
}


@pytest.mark.parametrize(("annotation", "number"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags_without_quoting(ask, annotation: Annotation, number: int) -> None:
    (finding,) = ask("forbidden_pattern", annotation, parameters=CARD)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, "a0")
    assert finding.message == f"The span matches the forbidden pattern {number}."


def test_tools_are_a_parameter(ask) -> None:
    assert ask("forbidden_pattern", spot("The Hague"), parameters={**CARD, "tools": ("other",)}) == []


def test_patterns_that_make_others_hang_take_no_time(ask) -> None:
    evil = {"patterns": (r"(a+)+$", r"(a|aa)*b", r"(.*)*x")}
    assert ask("forbidden_pattern", spot("a" * 200_000 + "!"), parameters=evil) == []


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "a{1001}", "(a{1000}){1000}", "\n"])
def test_patterns_that_cannot_be_matched_safely_are_refused(pattern: str) -> None:
    rule = next(rule for rule in discover() if rule.id == "forbidden_pattern")
    with pytest.raises(RuleSettingsInvalid, match='Text 1 of the parameter "patterns"'):
        rule.change(rule.settings(Ruleset()), Settings(True, Severity.INFO, {"patterns": (pattern,)}))
