"""picture_size: what it lets pass and what it flags."""

import numpy as np

from labels.label import Severity
from qa_engine.picture import Picture
from tests.unit.qa_engine.shapes import PICTURE


def test_lets_the_stated_size_pass(ask) -> None:
    assert ask("picture_size", asset=PICTURE, picture=Picture(np.zeros((100, 200, 3), dtype=np.uint8))) == []


def test_lets_a_text_pass(ask) -> None:
    assert ask("picture_size", text="words") == []


def test_flags_another_size(ask) -> None:
    (finding,) = ask("picture_size", asset=PICTURE, picture=Picture(np.zeros((200, 100, 3), dtype=np.uint8)))
    assert finding.severity is Severity.ERROR
    assert finding.message == "The picture is 100 x 200 pixels, its asset says 200 x 100."


def test_flags_a_picture_that_cannot_be_read(ask) -> None:
    (finding,) = ask("picture_size", asset=PICTURE)
    assert finding.message == "The picture could not be read to check its size."
