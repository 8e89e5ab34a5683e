"""Pixels of a picture, the model's square, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_segmenter import frame
from sam_segmenter.frame import LOGITS_PX, SIDE_PX, Region, whole


def test_the_longest_side_fills_the_square_and_the_rest_is_black() -> None:
    region = whole(300, 600)
    assert region.input_size == (512, 1024)
    square = frame.to_square(np.full((300, 600, 3), 200, np.uint8), region)
    assert square.shape == (SIDE_PX, SIDE_PX, 3)
    assert (square[:512] == 200).all()
    assert not square[512:].any()


def test_a_picture_of_one_pixel_fills_the_square() -> None:
    assert (frame.to_square(np.full((1, 1, 3), 7, np.uint8), whole(1, 1)) == 7).all()


def test_a_sliver_keeps_one_row() -> None:
    assert whole(1, 30_000).input_size == (1, 1024)


@pytest.mark.parametrize(
    ("region", "xy", "expected"),
    [
        (whole(512, 1024), (1024, 512), (1024, 512)),
        (whole(300, 600), (600, 300), (1024, 512)),
        (whole(2000, 1000), (500, 1000), (256, 512)),
        (Region(100, 50, 200, 100), (200, 100), (512, 256)),
    ],
)
def test_points_land_where_their_pixels_land(region: Region, xy: tuple, expected: tuple) -> None:
    assert frame.to_model(np.asarray([xy], np.float32), region)[0] == pytest.approx(expected)


def _interpolated(logits: np.ndarray, region: Region) -> np.ndarray:
    """Bilinear values at the centres of the region's pixels, the slow and plain way."""
    height, width = region.input_size
    y = np.clip((np.arange(region.height_px) + 0.5) * height / region.height_px / 4 - 0.5, 0, 255)
    x = np.clip((np.arange(region.width_px) + 0.5) * width / region.width_px / 4 - 0.5, 0, 255)
    y0, x0 = np.minimum(y.astype(int), 254), np.minimum(x.astype(int), 254)
    fy, fx = (y - y0)[:, None], (x - x0)[None]
    a, b = logits[np.ix_(y0, x0)], logits[np.ix_(y0, x0 + 1)]
    c, d = logits[np.ix_(y0 + 1, x0)], logits[np.ix_(y0 + 1, x0 + 1)]
    return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy


@pytest.mark.parametrize(
    "region",
    [whole(480, 640), whole(640, 427), whole(37, 1500), Region(200, 100, 333, 517), whole(2000, 3000)],
)
def test_a_mask_is_where_interpolated_logits_are_positive(region: Region) -> None:
    rows, columns = np.mgrid[:LOGITS_PX, :LOGITS_PX]
    logits = (40 - np.hypot(rows - 3.3, columns - 90.7)).astype(np.float32)
    height, width = region.y_px + region.height_px + 20, region.x_px + region.width_px + 30
    mask = frame.to_mask(logits, region, height, width).full()
    assert mask.shape == (height, width)
    expected = np.zeros((height, width), bool)
    inner = expected[region.y_px :, region.x_px :][: region.height_px, : region.width_px]
    values = _interpolated(logits, region)
    inner[:] = values > 0
    # OpenCV interpolates on a grid of 1/32 pixel; what is nearer to the threshold than that may fall either way.
    unsure = np.zeros_like(expected)
    unsure[region.y_px :, region.x_px :][: region.height_px, : region.width_px] = np.abs(values) < 0.06
    assert expected.any()
    assert ((mask == expected) | unsure).all()


def test_nothing_positive_is_an_empty_mask() -> None:
    patch = frame.to_mask(np.full((256, 256), -1, np.float32), whole(100, 200), 100, 200)
    assert not patch.full().any()
    assert patch.full().shape == (100, 200)


def test_positive_logits_in_the_padding_are_not_on_the_picture() -> None:
    logits = np.full((256, 256), -1, np.float32)
    logits[200:] = 5
    assert not frame.to_mask(logits, whole(300, 600), 300, 600).full().any()


@given(st.integers(8, 400), st.integers(8, 400), st.data())
def test_a_mask_survives_the_way_to_logits_and_back(height: int, width: int, data: st.DataObject) -> None:
    y0, x0 = data.draw(st.integers(0, height // 2)), data.draw(st.integers(0, width // 2))
    mask = np.zeros((height, width), bool)
    mask[y0 : y0 + max(4, height // 2), x0 : x0 + max(4, width // 2)] = True
    region = whole(height, width)
    back = frame.to_mask(frame.to_logits(mask, region), region, height, width).full()
    union = np.count_nonzero(mask | back)
    # A logit covers up to 400 / 256 pixels, so at most a rim of one is lost or gained.
    rim = 2 * (mask.any(axis=0).sum() + mask.any(axis=1).sum()) * 2
    assert union - np.count_nonzero(mask & back) <= rim
