"""small_hole: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import drawn, outline, rectangle

SMALL = "{} holes of the shape are smaller than 16 square pixels."
NOOP = {
    "no hole": [outline(rectangle(9, 9))],
    "a large hole": [outline(rectangle(9, 9), rectangle(4, 4, 1, 1))],
    "a small part": [outline(rectangle(9, 9), rectangle(1, 1, 20))],
    "the middle of a pentagram": [outline((5.0, 0.0, 8.0, 9.0, 0.0, 3.0, 10.0, 3.0, 2.0, 9.0))],
    "a mask with a bay": [drawn("###", "#.#")],
    "a mask whose hole is open at a corner only": [drawn("##.", "#.#")],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("small_hole", *annotations) == []


FLAGGED = {
    "a small hole": ([outline(rectangle(9, 9), rectangle(1, 1, 2, 2))], SMALL.format(1)),
    "two small holes": (
        [outline(rectangle(9, 9), rectangle(1, 1, 2, 2), rectangle(1, 1, 6, 6))],
        SMALL.format(2),
    ),
    "pinholes of a mask": ([drawn("#####", "#.#.#", "#####")], SMALL.format(2)),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("small_hole", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, annotations[-1].id)
    assert finding.message == sentence


def test_size_and_number_are_parameters(ask) -> None:
    shape = outline(rectangle(9, 9), rectangle(2, 2, 1, 1), rectangle(2, 2, 5, 5))
    assert ask("small_hole", shape, parameters={"min_hole_px": 4.0}) == []
    (finding,) = ask("small_hole", shape, parameters={"min_hole_px": 0.0, "most_holes": 1.0})
    assert finding.message == "The shape has 2 holes, more than 1."
