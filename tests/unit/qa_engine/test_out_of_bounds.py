"""out_of_bounds: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import PICTURE, drawn, frame, outline, rectangle

BEYOND = "The shape reaches {} pixels beyond the picture."
NOOP = {
    "inside": [outline(rectangle(5, 5))],
    "the whole picture": [frame(200, 100)],
    "a pixel beyond": [frame(202, 102, -1, -1)],
    "a mask": [drawn("#..")],
    "what sound_shape says": [outline((float("nan"), 0.0, 900.0, 0.0, 0.0, 900.0))],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("out_of_bounds", *annotations, asset=PICTURE) == []


FLAGGED = {
    "left": ([outline(rectangle(9, 9, -1.5))], BEYOND.format("1.5")),
    "above": ([frame(9, 9, 0, -2)], BEYOND.format("2")),
    "right": ([outline(rectangle(9, 9, 200))], BEYOND.format("9")),
    "below": ([frame(9, 90, 0, 50)], BEYOND.format("40")),
    "a hole": ([outline(rectangle(9, 9), rectangle(1, 1, 300))], BEYOND.format("101")),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("out_of_bounds", *annotations, asset=PICTURE)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence


def test_the_tolerance_is_a_parameter(ask) -> None:
    shape = frame(9, 9, -1.5)
    assert ask("out_of_bounds", shape, asset=PICTURE, parameters={"tolerance_px": 1.5}) == []
    assert len(ask("out_of_bounds", shape, asset=PICTURE, parameters={"tolerance_px": 1.4})) == 1


def test_a_picture_of_unknown_size_has_no_bounds(ask) -> None:
    assert ask("out_of_bounds", frame(9, 9, -50)) == []
