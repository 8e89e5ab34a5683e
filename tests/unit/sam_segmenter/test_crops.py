"""Crops in layers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_segmenter import crops
from sam_segmenter.frame import whole

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.integers(0, 3))
def test_each_layer_covers_the_picture_and_stays_inside(height: int, width: int, count: int) -> None:
    for number, regions in enumerate(crops.layers(height, width, count)):
        assert 1 <= len(regions) <= 4**number
        rows, columns = np.zeros(height, dtype=bool), np.zeros(width, dtype=bool)
        for region in regions:
            assert region.x_px >= 0
            assert region.x_px + region.width_px <= width
            assert region.y_px >= 0
            assert region.y_px + region.height_px <= height
            rows[region.y_px : region.y_px + region.height_px] = True
            columns[region.x_px : region.x_px + region.width_px] = True
        assert rows.all()
        assert columns.all()


def test_the_first_layer_is_the_whole_picture() -> None:
    assert crops.layers(480, 640, 0) == ((whole(480, 640),),)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_neighbours_share_a_stretch_that_halves_with_each_layer(number: int) -> None:
    regions = crops.layers(1200, 1800, number)[number]
    assert len(regions) == 4**number
    first, second = regions[:2]
    shared_px = first.x_px + first.width_px - second.x_px
    assert abs(shared_px - 1200 / 3 * 2 / 2**number) <= 2
