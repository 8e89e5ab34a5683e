"""category_in_ontology: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Choice, Finding, Severity, Span

NOOP = {
    "nothing": [],
    "a choice": [Annotation("a0", "topic", "sport", Choice())],
    "several tools": [
        Annotation("a0", "topic", "sport", Choice()),
        Annotation("a1", "entity", "person", Span(0, 3, "Ann")),
        Annotation("a2", "entity", "place", Span(4, 8, "Rome")),
    ],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("category_in_ontology", *annotations) == []


FLAGGED = {
    "unknown category": (Annotation("a0", "topic", "weather", Choice()), 'The tool "topic" does not'),
    "category of another tool": (Annotation("a0", "topic", "person", Choice()), 'The tool "topic" does not'),
    "other case": (Annotation("a0", "topic", "Sport", Choice()), 'The tool "topic" does not'),
    "unknown tool": (Annotation("a0", "mood", "sport", Choice()), "The ontology does not"),
    "tool with a category's name": (Annotation("a0", "sport", "sport", Choice()), "The ontology does not"),
}


@pytest.mark.parametrize(("annotation", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotation: Annotation, sentence: str) -> None:
    (finding,) = ask("category_in_ontology", annotation)
    assert (finding.rule, finding.severity, finding.annotation_id) == (
        "category_in_ontology",
        Severity.ERROR,
        "a0",
    )
    assert finding.message.startswith(sentence)


def test_flags_each_annotation_once(ask) -> None:
    good = Annotation("a0", "topic", "sport", Choice())
    bad = [Annotation(f"a{i}", "topic", "weather", Choice()) for i in (1, 2)]
    found: list[Finding] = ask("category_in_ontology", good, *bad)
    assert [finding.annotation_id for finding in found] == ["a1", "a2"]
