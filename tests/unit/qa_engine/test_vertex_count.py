"""vertex_count: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import frame, outline, rectangle

NOOP = {
    "four": [outline(rectangle(5, 5))],
    "two thousand": [outline(tuple(float(n * n % 997) for n in range(4_000)))],
    "in two rings": [outline((0.0, 0.0, 5.0, 0.0), (0.0, 0.0, 1.0, 1.0))],
    "a box": [frame(5, 5)],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("vertex_count", *annotations) == []


FLAGGED = {
    "a triangle": ([outline((0.0, 0.0, 5.0, 0.0, 0.0, 5.0))], "The polygon has 3 points, not 4 to 2000."),
    "no points": ([outline(())], "The polygon has 0 points, not 4 to 2000."),
    "2,001": ([outline((0.5,) * 4_002)], "The polygon has 2001 points, not 4 to 2000."),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("vertex_count", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, annotations[-1].id)
    assert finding.message == sentence


def test_both_ends_are_parameters(ask) -> None:
    bounds = {"fewest_points": 3.0, "most_points": 3.0}
    assert ask("vertex_count", outline((0.0, 0.0, 5.0, 0.0, 0.0, 5.0)), parameters=bounds) == []
    assert len(ask("vertex_count", outline(rectangle(5, 5)), parameters=bounds)) == 1
