"""degenerate_ring: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import outline, rectangle

ONE = "A ring of the polygon has fewer than three points that are not on one line."
NOOP = {
    "a triangle": [outline((0.0, 0.0, 5.0, 0.0, 0.0, 5.0))],
    "a bow tie without signed area": [outline((0.0, 0.0, 9.0, 9.0, 9.0, 0.0, 0.0, 9.0))],
    "a thin sliver": [outline((0.0, 0.0, 100.0, 0.0, 100.0, 0.001))],
    "far out": [outline(rectangle(0.5, 0.5, 90_000, 90_000))],
    "what sound_shape says": [outline((float("nan"), 0.0))],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("degenerate_ring", *annotations) == []


FLAGGED = {
    "no points": ([outline(())], ONE),
    "two points": ([outline((0.0, 0.0, 9.0, 9.0))], ONE),
    "a point three times": ([outline((3.0, 4.0) * 3)], ONE),
    "two points in turn": ([outline((0.0, 0.0, 9.0, 9.0) * 2)], ONE),
    "on a line": ([outline((0.0, 0.0, 9.0, 9.0, 18.0, 18.0))], ONE),
    "on a line far out": ([outline((90_000.1, 0.1, 90_000.2, 0.2, 90_000.3, 0.3))], ONE),
    "a hole without extent": ([outline(rectangle(9, 9), (2.0, 2.0, 3.0, 3.0))], ONE),
    "two holes without extent": (
        [outline(rectangle(9, 9), (2.0, 2.0), (4.0, 4.0, 5.0, 5.0, 6.0, 6.0))],
        "2 rings of the polygon have fewer than three points that are not on one line.",
    ),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("degenerate_ring", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence
