"""span_overlap: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity, Span


def spans(*places: tuple[int, int], tool: str = "entity") -> list[Annotation]:
    return [Annotation(f"a{n}", tool, "person", Span(*place, "x" * 9)) for n, place in enumerate(places)]


NOOP = {
    "one": spans((0, 5)),
    "side by side": spans((0, 5), (5, 9)),
    "one in the other": spans((0, 9), (2, 5)),
    "the inner first": spans((2, 5), (0, 9)),
    "three deep": spans((0, 9), (1, 8), (2, 3)),
    "the same start": spans((0, 5), (0, 9)),
    "another tool": [*spans((0, 5)), *spans((3, 9), tool="other")],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("span_overlap", *annotations) == []


FLAGGED = {
    "across": (spans((0, 5), (3, 9)), "a1", "a0"),
    "across, in another order": (spans((3, 9), (0, 5)), "a0", "a1"),
    "the same place": (spans((2, 5), (2, 5)), "a1", "a0"),
    "across the inner": (spans((0, 9), (1, 4), (3, 8)), "a2", "a1"),
}


@pytest.mark.parametrize(("annotations", "at", "other"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], at: str, other: str) -> None:
    (finding,) = ask("span_overlap", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, at)
    assert finding.message == f"The span shares characters with the annotation {other}."


def test_nesting_may_be_forbidden(ask) -> None:
    (finding,) = ask("span_overlap", *spans((0, 9), (2, 5)), parameters={"allow_nested": 0.0})
    assert finding.annotation_id == "a1"
