"""blurred_picture: what it lets pass and what it flags."""

import cv2
import numpy as np

from labels.label import Severity
from qa_engine.picture import Picture
from tests.unit.qa_engine.shapes import PICTURE

NOISE = np.random.default_rng(1).integers(0, 256, size=(100, 200, 3), dtype=np.uint8)


def test_lets_a_sharp_picture_pass(ask) -> None:
    assert ask("blurred_picture", asset=PICTURE, picture=Picture(NOISE)) == []


def test_lets_a_text_pass(ask) -> None:
    assert ask("blurred_picture", text="words") == []


def test_flags_a_blurred_picture(ask) -> None:
    blurred = Picture(cv2.GaussianBlur(NOISE, (0, 0), 4).astype(np.uint8))
    (finding,) = ask("blurred_picture", asset=PICTURE, picture=blurred)
    assert finding.severity is Severity.INFO
    assert finding.message.endswith("less than 20.")


def test_flags_a_picture_that_cannot_be_read(ask) -> None:
    (finding,) = ask("blurred_picture", asset=PICTURE)
    assert finding.message == "The picture could not be read to say whether it is sharp."


def test_the_least_is_a_parameter(ask) -> None:
    grey = Picture(np.full((9, 9, 3), 9, dtype=np.uint8))
    assert ask("blurred_picture", asset=PICTURE, picture=grey, parameters={"min_sharpness": 0.0}) == []
