"""aspect_ratio: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Severity
from tests.unit.qa_engine.shapes import drawn, frame, outline, rectangle

NOOP = {
    "a square": [outline(rectangle(5, 5))],
    "fifty to one": [frame(50, 1)],
    "one to fifty": [frame(1, 50)],
    "a mask": [drawn("#" * 50)],
    "no points": [outline(())],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("aspect_ratio", *annotations) == []


FLAGGED = {
    "a long box": ([frame(51, 1)], "The shape is 51 pixels long and 1 wide."),
    "a tall polygon": ([outline(rectangle(0.5, 30))], "The shape is 30 pixels long and 0.5 wide."),
    "a line": ([outline((0.0, 0.0, 5.0, 0.0, 9.0, 0.0))], "The shape is 9 pixels long and 0 wide."),
    "a mask": ([drawn("#" * 51)], "The shape is 51 pixels long and 1 wide."),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("aspect_ratio", *annotations)
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, annotations[-1].id)
    assert finding.message == sentence


def test_the_ratio_is_a_parameter(ask) -> None:
    assert len(ask("aspect_ratio", frame(9, 2), parameters={"max_ratio": 4.0})) == 1
    assert ask("aspect_ratio", frame(8, 2), parameters={"max_ratio": 4.0}) == []
