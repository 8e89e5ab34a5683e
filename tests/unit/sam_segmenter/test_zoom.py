"""Which crop shows a small object better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.label import Box
from sam_segmenter.frame import Patch, Region
from sam_segmenter.prompts import Click, Prompt
from sam_segmenter.zoom import SMALL_LOGITS_PX, SURROUNDINGS, WORTH, aimed, region_for


def boxed(x: float, y: float, width: float, height: float) -> Prompt:
    return Prompt(box=Box(x, y, width, height))


def test_a_large_object_needs_no_crop() -> None:
    side = SMALL_LOGITS_PX * 640 / 256
    assert region_for(boxed(100, 100, side, 20), None, 480, 640) is None
    assert region_for(boxed(100, 100, side - 1, 20), None, 480, 640) is not None


def test_a_small_picture_is_not_cropped_as_nothing_would_be_gained() -> None:
    assert region_for(boxed(50, 50, 5, 5), None, 120, 120) is None


@given(st.integers(40, 9000), st.integers(40, 9000), st.data())
def test_a_crop_holds_the_object_with_surroundings_and_shows_it_larger(
    height: int, width: int, data: st.DataObject
) -> None:
    x, y = data.draw(st.floats(0, width - 1)), data.draw(st.floats(0, height - 1))
    box = Box(x, y, data.draw(st.floats(0.5, width - x)), data.draw(st.floats(0.5, height - y)))
    region = region_for(Prompt(box=box), None, height, width)
    if region is None:
        return
    assert region.x_px >= 0
    assert region.x_px + region.width_px <= width
    assert region.y_px >= 0
    assert region.y_px + region.height_px <= height
    assert max(height, width) >= WORTH * max(region.width_px, region.height_px)
    around = 0.2 * max(box.width_px, box.height_px)
    assert region.x_px <= max(0, box.x_px - around)
    assert region.x_px + region.width_px >= min(width, box.x_px + box.width_px + around)
    assert region.y_px <= max(0, box.y_px - around)
    assert region.y_px + region.height_px >= min(height, box.y_px + box.height_px + around)
    assert max(region.width_px, region.height_px) >= min(SURROUNDINGS * box.width_px, height, width)


def test_neighbouring_clicks_share_a_crop() -> None:
    crops = {region_for(boxed(1000 + i, 700 + i, 30, 30), None, 3000, 4000) for i in range(0, 60, 2)}
    assert 1 <= len(crops) <= 8


def test_the_first_mask_tells_how_large_a_clicked_object_is() -> None:
    click = Prompt(clicks=(Click(2000, 1500),))
    large = Patch(np.ones((900, 900), dtype=bool), 1600, 1100, 3000, 4000)
    small = Patch(np.ones((90, 90), dtype=bool), 1960, 1460, 3000, 4000)
    assert region_for(click, large, 3000, 4000) is None
    crop = region_for(click, small, 3000, 4000)
    assert crop is not None
    assert crop.x_px < 1960
    assert crop.x_px + crop.width_px > 2050


def test_an_earlier_mask_counts_for_more_than_the_first_answer() -> None:
    mask = np.zeros((3000, 4000), dtype=bool)
    mask[10:40, 20:60] = True
    first = Patch(np.ones((2000, 2000), dtype=bool), 0, 0, 3000, 4000)
    crop = region_for(Prompt(mask=mask), first, 3000, 4000)
    assert crop is not None
    assert (crop.x_px, crop.y_px) == (0, 0)


def test_a_prompt_that_says_nothing_of_the_place_gets_no_crop() -> None:
    nothing = Patch(np.zeros((0, 0), dtype=bool), 0, 0, 3000, 4000)
    assert region_for(Prompt(clicks=(Click(5, 5, positive=False),)), nothing, 3000, 4000) is None
    assert region_for(Prompt(logits=np.zeros((256, 256), np.float32)), None, 3000, 4000) is None


@pytest.mark.parametrize(("x", "y", "stays"), [(100, 100, True), (300, 300, True), (301, 200, False)])
def test_clicks_outside_of_the_crop_are_left_out(x: float, y: float, stays: bool) -> None:
    prompt = Prompt(clicks=(Click(200, 200), Click(x, y, positive=False)))
    assert len(aimed(prompt, None, Region(100, 100, 200, 200)).clicks) == 1 + stays


def test_a_clicked_object_is_boxed_by_the_first_answer_and_a_boxed_one_is_not() -> None:
    first = Patch(np.pad(np.ones((6, 8), dtype=bool), 2), 150, 160, 400, 400)
    region = Region(100, 100, 200, 200)
    clicked = Prompt(clicks=(Click(155, 165),), logits=np.zeros((256, 256), np.float32))
    assert aimed(clicked, first, region) == Prompt(clicks=clicked.clicks, box=Box(152.0, 162.0, 8.0, 6.0))
    assert aimed(boxed(120, 130, 40, 50), first, region).box == Box(120, 130, 40, 50)
    assert aimed(Prompt(mask=first.full()), first, region).box is None
