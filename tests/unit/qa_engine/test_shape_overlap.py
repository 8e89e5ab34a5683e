"""shape_overlap: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import drawn, frame, outline, rectangle

OVERLAPS = "The shape overlaps the annotation a0 on {} of the smaller one."
NOOP = {
    "one": [outline(rectangle(5, 5))],
    "side by side": [frame(5, 5), frame(5, 5, 5, id="a1")],
    "a tenth": [frame(10, 10), frame(10, 10, 9, id="a1")],
    "another tool": [outline(rectangle(5, 5)), frame(5, 5, id="a1")],
    "bounds only": [
        outline((0.0, 0.0, 9.0, 0.0, 0.0, 9.0)),
        outline((9.0, 9.0, 9.0, 1.0, 1.0, 9.0), id="a1"),
    ],
    "one in the other's hole": [
        outline(rectangle(9, 9), rectangle(5, 5, 2, 2)),
        outline(rectangle(5, 5, 2, 2), id="a1"),
    ],
    "masks that touch": [drawn("##.."), drawn("..##", id="a1")],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("shape_overlap", *annotations) == []


FLAGGED = {
    "a fifth of a box": ([frame(10, 10), frame(10, 10, 8, id="a1")], OVERLAPS.format("20.0%")),
    "all of the smaller one": ([frame(100, 100), frame(2, 2, 8, 8, id="a1")], OVERLAPS.format("100.0%")),
    "half of a triangle": (
        [outline(rectangle(10, 10)), outline((5.0, 0.0, 15.0, 0.0, 10.0, 8.0), id="a1")],
        OVERLAPS.format("50.0%"),
    ),
    "half of a mask": ([drawn("####"), drawn("..##", id="a1")], OVERLAPS.format("100.0%")),
    "another category": ([frame(5, 5), frame(5, 5, id="a1", category="wall")], OVERLAPS.format("100.0%")),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("shape_overlap", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence


def test_the_share_is_a_parameter(ask) -> None:
    shapes = (frame(10, 10), frame(10, 10, 5, id="a1"))
    assert ask("shape_overlap", *shapes, parameters={"max_share": 0.5}) == []
    assert len(ask("shape_overlap", *shapes, parameters={"max_share": 0.49})) == 1
