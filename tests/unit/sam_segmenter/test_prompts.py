"""What callers may know of an object."""

import math

import numpy as np
import pytest

from labels.label import Box
from sam_segmenter import errors, prompts
from sam_segmenter.decoder import Decoded
from sam_segmenter.frame import Region, whole
from sam_segmenter.prompts import Click, Prompt

H, W = 100, 200


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (Prompt(), errors.PromptEmpty),
        (Prompt((Click(-0.1, 5),)), errors.ClickOutside),
        (Prompt((Click(5, 100.1),)), errors.ClickOutside),
        (Prompt((Click(math.nan, 5),)), errors.ClickOutside),
        (Prompt((Click(math.inf, 5),)), errors.ClickOutside),
        (Prompt((Click(1, 1),) * 257), errors.TooManyClicks),
        (Prompt(box=Box(5, 5, 0, 10)), errors.BoxInvalid),
        (Prompt(box=Box(5, 5, 10, -1)), errors.BoxInvalid),
        (Prompt(box=Box(math.nan, 5, 10, 10)), errors.BoxInvalid),
        (Prompt(box=Box(5, 5, 1e308 * 10, 10)), errors.BoxInvalid),
        (Prompt(box=Box(200, 5, 10, 10)), errors.BoxInvalid),
        (Prompt(box=Box(-20, -20, 20, 10)), errors.BoxInvalid),
        (Prompt(mask=np.ones((W, H), bool)), errors.MaskSizeInvalid),
    ],
)
def test_what_makes_no_sense_is_refused(prompt: Prompt, error: type[Exception]) -> None:
    with pytest.raises(error):
        prompts.check(prompt, H, W)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt((Click(0, 0),)),
        Prompt((Click(200, 100, False),)),
        Prompt(box=Box(-50, -50, 1000, 1000)),
        Prompt((Click(1, 1),) * 256),
        Prompt(mask=np.ones((H, W), bool)),
        Prompt(logits=np.zeros((256, 256), np.float32)),
    ],
)
def test_what_makes_sense_is_taken(prompt: Prompt) -> None:
    prompts.check(prompt, H, W)


def test_clicks_come_first_then_the_box_cut_to_the_region() -> None:
    prompt = Prompt((Click(100, 50), Click(10, 10, False)), Box(-50, 50, 100, 1000))
    made = prompts.to_model(prompt, whole(H, W))
    assert made.labels.tolist() == [1, 0, 2, 3]
    scale = 1024 / W
    expected = [[100 * scale, 50 * scale], [10 * scale, 10 * scale], [0, 50 * scale], [50 * scale, 512]]
    assert made.xy == pytest.approx(np.asarray(expected))
    assert made.logits is None


def test_a_mask_alone_is_boxed_too() -> None:
    mask = np.zeros((H, W), bool)
    mask[20:40, 30:70] = True
    made = prompts.to_model(Prompt(mask=mask), whole(H, W))
    assert made.labels.tolist() == [2, 3]
    assert made.xy == pytest.approx(np.asarray([[30 * 5.12, 20 * 5.12], [70 * 5.12, 40 * 5.12]]))
    assert made.logits is not None
    assert made.logits[30 * 256 // 200 + 1, 50 * 256 // 200] == 10


def test_an_empty_mask_alone_says_nothing() -> None:
    with pytest.raises(errors.PromptEmpty):
        prompts.to_model(Prompt(mask=np.zeros((H, W), bool)), whole(H, W))


def test_a_region_moves_points() -> None:
    made = prompts.to_model(Prompt((Click(60, 30),)), Region(50, 20, 100, 50))
    assert made.xy == pytest.approx(np.asarray([[102.4, 102.4]]))


def test_one_click_is_ambiguous_and_a_box_is_not() -> None:
    decoded = Decoded(np.zeros((4, 256, 256), np.float32), np.asarray((0.9, 0.2, 0.8, 0.5), np.float32))
    assert prompts.ranked(decoded, Prompt((Click(1, 1),))) == (2, 3, 1)
    assert prompts.ranked(decoded, Prompt(box=Box(1, 1, 5, 5))) == (0, 2, 3)
    assert prompts.ranked(decoded, Prompt((Click(1, 1), Click(2, 2)))) == (0, 2, 3)
    refined = Prompt((Click(1, 1),), logits=np.zeros((256, 256), np.float32))
    assert prompts.ranked(decoded, refined)[0] == 0
