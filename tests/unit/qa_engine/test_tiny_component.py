"""tiny_component: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import drawn, frame, outline, rectangle

TINY = "{} parts of the shape are smaller than 16 square pixels."
NOOP = {
    "one small part": [outline(rectangle(2, 2))],
    "two large parts": [outline(rectangle(4, 4), rectangle(4, 4, 9))],
    "a small hole": [outline(rectangle(9, 9), rectangle(1, 1, 2, 2))],
    "a box": [frame(1, 1)],
    "a mask in one part": [drawn("##.", "..#")],
    "an empty mask": [drawn("...")],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("tiny_component", *annotations) == []


FLAGGED = {
    "a small part": ([outline(rectangle(9, 9), rectangle(1, 1, 20))], TINY.format(1)),
    "two small parts": ([outline(rectangle(9, 9), rectangle(1, 1, 20), rectangle(1, 1, 30))], TINY.format(2)),
    "an island in a hole": (
        [outline(rectangle(20, 20), rectangle(9, 9, 5, 5), rectangle(1, 1, 8, 8))],
        TINY.format(1),
    ),
    "a part that is mostly hole": (
        [outline(rectangle(20, 20), rectangle(9, 9, 40), rectangle(8.5, 8.5, 40.2, 0.2))],
        TINY.format(1),
    ),
    "the end of a bow tie": ([outline((0.0, 0.0, 20.0, 20.0, 20.0, 0.0, -2.0, 4.0))], TINY.format(1)),
    "crumbs of a mask": ([drawn("####..#", "####...", "####.#.", "####...")], TINY.format(2)),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("tiny_component", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, annotations[-1].id)
    assert finding.message == sentence


def test_the_size_is_a_parameter(ask) -> None:
    shape = outline(rectangle(9, 9), rectangle(3, 3, 20))
    assert len(ask("tiny_component", shape, parameters={"min_part_px": 9.1})) == 1
    assert ask("tiny_component", shape, parameters={"min_part_px": 9.0}) == []
