"""string_consistency: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity, Span
from qa_engine.history import History, string_key


def spot(text: str, category: str = "person") -> Annotation:
    return Annotation("a0", "entity", category, Span(0, len(text), text))


def said(**counts: int) -> History:
    return History(strings={("entity", string_key("paris")): counts})


NOOP = {
    "unknown characters": (spot("Rome"), said(place=9)),
    "the usual category": (spot("Paris", "place"), said(place=9)),
    "too few labels": (spot("Paris"), said(place=2)),
    "no usual category": (spot("Paris"), said(place=7, person=3)),
    "another tool": (Annotation("a0", "other", "person", Span(0, 5, "Paris")), said(place=9)),
}


@pytest.mark.parametrize(("annotation", "history"), NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation, history: History) -> None:
    assert ask("string_consistency", annotation, history=history) == []


@pytest.mark.parametrize("text", ["Paris", "PARIS", " paris\n"])
def test_flags_a_category_that_others_do_not_give(ask, text: str) -> None:
    (finding,) = ask("string_consistency", spot(text), history=said(place=8, person=2))
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "a0")
    assert finding.message == '8 of 10 other labels give the same characters the category "place".'


def test_both_limits_are_parameters(ask) -> None:
    assert (
        len(ask("string_consistency", spot("Paris"), history=said(place=2), parameters={"min_labels": 2.0}))
        == 1
    )
    strict = {"min_share": 0.9}
    assert ask("string_consistency", spot("Paris"), history=said(place=8, person=2), parameters=strict) == []
