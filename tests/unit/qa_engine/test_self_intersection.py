"""self_intersection: what it lets pass and what it flags."""

import numpy as np
import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import frame, outline, rectangle

CROSSES = "The polygon's outline crosses itself."
NOOP = {
    "a square": [outline(rectangle(5, 5))],
    "an L": [outline((0.0, 0.0, 9.0, 0.0, 9.0, 3.0, 3.0, 3.0, 3.0, 9.0, 0.0, 9.0))],
    "a hole": [outline(rectangle(9, 9), rectangle(3, 3, 2, 2))],
    "a hole that touches the edge at a point": [outline(rectangle(9, 9), (4.0, 0.0, 6.0, 3.0, 2.0, 3.0))],
    "two parts": [outline(rectangle(2, 2), rectangle(2, 2, 5))],
    "two parts that share an edge": [outline(rectangle(2, 2), rectangle(2, 2, 2))],
    "two pixels that touch at a corner": [
        outline((0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0, 1.0, 1.0, 0.0, 1.0))
    ],
    "a repeated point": [outline((0.0, 0.0, 5.0, 0.0, 5.0, 0.0, 5.0, 5.0, 0.0, 0.0))],
    "two points": [outline((0.0, 0.0, 5.0, 0.0))],
    "a box": [frame(5, 5)],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("self_intersection", *annotations) == []


FLAGGED = {
    "a bow tie": ([outline((0.0, 0.0, 9.0, 9.0, 9.0, 0.0, 0.0, 9.0))], CROSSES),
    "a pentagram": ([outline((5.0, 0.0, 8.0, 9.0, 0.0, 3.0, 10.0, 3.0, 2.0, 9.0))], CROSSES),
    "twice round": ([outline(rectangle(9, 9) * 2)], CROSSES),
    "there and back": ([outline((0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 9.0, 0.0))], CROSSES),
    "two rings that cross": ([outline(rectangle(5, 5), rectangle(5, 5, 2, 2))], CROSSES),
    "the same ring twice": ([outline(rectangle(5, 5), rectangle(5, 5))], CROSSES),
    "a spike through the other side": (
        [outline((0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 5.0, 9.0, 4.0, -3.0, 3.0, 9.0, 0.0, 9.0))],
        CROSSES,
    ),
    "a flaw between sound shapes": (
        [outline(rectangle(5, 5)), outline(rectangle(9, 9) * 2, id="a1")],
        CROSSES,
    ),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("self_intersection", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence


def test_what_is_too_tangled_is_said_rather_than_passed(ask) -> None:
    points = np.random.default_rng(1).uniform(0, 1000, size=(20_000, 2))
    (finding,) = ask("self_intersection", outline(tuple(points.ravel().tolist())))
    assert "crosses itself" in finding.message
