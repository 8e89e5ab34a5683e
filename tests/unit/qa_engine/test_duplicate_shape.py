"""duplicate_shape: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import drawn, frame, outline, rectangle

SAME = "The shape covers the same place as the annotation a0."
TIE = (0.0, 0.0, 9.0, 9.0, 9.0, 0.0, 0.0, 9.0)
NOOP = {
    "one": [outline(rectangle(5, 5))],
    "two places": [outline(rectangle(5, 5)), outline(rectangle(5, 5, 9), id="a1")],
    "another category": [frame(5, 5), frame(5, 5, id="a1", category="wall")],
    "another tool": [outline(rectangle(5, 5)), frame(5, 5, id="a1")],
    "mostly the same place": [frame(100, 100), frame(100, 100, 2, id="a1")],
    "one in the other": [outline(rectangle(50, 50)), outline(rectangle(49, 49), id="a1")],
    "two masks": [drawn("##..", "##.."), drawn("..##", "..##", id="a1")],
    "masks of other sizes": [drawn("##"), drawn("##", "..", id="a1")],
    "empty masks": [drawn(".."), drawn("..", id="a1")],
    "what sound_shape says": [outline((float("nan"), 0.0)), outline((float("nan"), 0.0), id="a1")],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("duplicate_shape", *annotations) == []


FLAGGED = {
    "the same box": ([frame(5, 5), frame(5, 5, id="a1")], SAME),
    "nearly the same box": ([frame(100, 100), frame(100, 100, 1, id="a1")], SAME),
    "the same polygon from another corner": (
        [outline(rectangle(5, 5)), outline((5.0, 0.0, 5.0, 5.0, 0.0, 5.0, 0.0, 0.0), id="a1")],
        SAME,
    ),
    "the same hole": (
        [
            outline(rectangle(9, 9), rectangle(5, 5, 1, 1)),
            outline(rectangle(9, 9), rectangle(5, 5, 1, 1), id="a1"),
        ],
        SAME,
    ),
    "the same bow tie": ([outline(TIE), outline(TIE[2:] + TIE[:2], id="a1")], SAME),
    "a box as a polygon": ([frame(5, 5), outline(rectangle(5, 5), id="a1", tool="box")], SAME),
    "the same mask": ([drawn(".##.", "..#."), drawn(".##.", "..#.", id="a1")], SAME),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("duplicate_shape", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence


def test_how_much_is_the_same_is_a_parameter(ask) -> None:
    shapes = (frame(10, 10), frame(10, 10, 2, id="a1"))
    # 80 of 120 square pixels.
    assert len(ask("duplicate_shape", *shapes, parameters={"min_iou": 0.6666})) == 1
    assert ask("duplicate_shape", *shapes, parameters={"min_iou": 0.6667}) == []


def test_three_of_a_kind_are_three_pairs(ask) -> None:
    found = ask("duplicate_shape", *(frame(5, 5, id=f"a{n}") for n in range(3)))
    assert [finding.annotation_id for finding in found] == ["a1", "a2", "a2"]
