"""sound_shape: what it lets pass and what it flags."""

import pytest

from labels.label import Annotation, Mask, Severity
from tests.unit.qa_engine.shapes import PICTURE, claim, drawn, frame, outline, rectangle

FAR = "The polygon has a coordinate that is not a number within 1,000,000 pixels."
NOOP = {
    "a polygon": [outline(rectangle(5, 5))],
    "a polygon without points": [outline(())],
    "a box": [frame(1, 1)],
    "beyond the picture": [outline(rectangle(5, 5, -900_000, 900_000))],
    "a mask of the picture's size": [drawn("#." * 100, *["." * 200] * 99)],
}


@pytest.mark.parametrize("annotations", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotations: list[Annotation]) -> None:
    assert ask("sound_shape", *annotations, asset=PICTURE) == []


FLAGGED = {
    "not a number": ([outline((0.0, 0.0, float("nan"), 1.0, 1.0, 0.0))], FAR),
    "infinite": ([outline((0.0, 0.0, float("-inf"), 1.0, 1.0, 0.0))], FAR),
    "1e308": ([outline(rectangle(5, 5), rectangle(1e308, 1e308))], FAR),
    "just beyond": ([outline(rectangle(5, 5, 999_996))], FAR),
    "an odd number of values": (
        [outline((0.0, 0.0, 1.0, 1.0, 2.0))],
        "The polygon has a ring with an odd number of values.",
    ),
    "a box of NaN": ([frame(float("nan"), 1)], FAR.replace("polygon", "box")),
    "a box far away": ([frame(1, 1, 2e6)], FAR.replace("polygon", "box")),
    "a box without width": ([frame(0, 1)], "The box has no width or no height."),
    "a box inside out": ([frame(5, -1)], "The box has no width or no height."),
    "a mask of another size": ([drawn("#..", "...")], "The mask is 3 x 2 pixels, the picture 200 x 100."),
    "run lengths that do not fill the mask": (
        [claim(Mask(100, 200, b"11"))],
        "The mask has run lengths that are not those of a mask.",
    ),
    "a mask without sides": (
        [claim(Mask(0, -2, b"0"))],
        "The mask has run lengths that are not those of a mask.",
    ),
}


@pytest.mark.parametrize(("annotations", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotations: list[Annotation], sentence: str) -> None:
    (finding,) = ask("sound_shape", *annotations, asset=PICTURE)
    assert (finding.severity, finding.annotation_id) == (Severity.ERROR, annotations[-1].id)
    assert finding.message == sentence
