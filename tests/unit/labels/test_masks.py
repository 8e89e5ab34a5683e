"""Run lengths and outlines: round trips, and malformed counts that must not reach native code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from labels import rle, shapes
from labels.errors import AnnotationInvalid
from labels.label import Box, Mask, Polygon

bitmaps = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


@given(bitmaps)
@settings(max_examples=300, deadline=None)
def test_runs_are_what_pycocotools_wrote(bitmap: rle.Bitmap) -> None:
    mask = rle.encode(bitmap)
    assert (rle.to_bitmap(mask) == bitmap).all()
    assert rle.area(mask) == bitmap.sum()
    box = rle.bounds(mask)
    if not bitmap.any():
        assert box is None
    else:
        peer = coco.toBbox({"size": list(bitmap.shape), "counts": mask.counts})
        assert box == Box(*map(float, peer))


@given(bitmaps)
@settings(max_examples=300, deadline=None)
def test_outlines_give_the_mask_back(bitmap: rle.Bitmap) -> None:
    mask = rle.encode(bitmap)
    if not bitmap.any():
        with pytest.raises(AnnotationInvalid, match="empty"):
            shapes.mask_to_polygon(mask)
        return
    polygon = shapes.mask_to_polygon(mask)
    assert shapes.polygon_to_mask(polygon, *bitmap.shape) == mask
    measured, pixels = shapes.measure(polygon), shapes.measure(mask)
    assert measured.area_px == pytest.approx(pixels.area_px)
    assert measured.bounds == pixels.bounds


def test_outline_of_a_large_picture() -> None:
    bitmap = np.zeros((4000, 3000), dtype=bool)
    y, x = np.ogrid[:4000, :3000]
    bitmap[(y - 2000) ** 2 + (x - 1500) ** 2 < 1200**2] = True
    bitmap[1900:2100, 1400:1600] = False
    mask = rle.encode(bitmap)
    polygon = shapes.mask_to_polygon(mask)
    assert len(polygon.rings) == 2
    assert shapes.polygon_to_mask(polygon, 4000, 3000) == mask


MEASURES = {
    "ring": (["xxx", "x.x", "xxx"], 8, 1, 1),
    "touching at a corner": (["x.", ".x"], 2, 1, 0),
    "apart": (["x.x"], 2, 2, 0),
    "two holes that touch at a corner": (["xxxx", "x.xx", "xx.x", "xxxx"], 14, 1, 2),
    "empty": (["..", ".."], 0, 0, 0),
    "full": (["xx", "xx"], 4, 1, 0),
}


@pytest.mark.parametrize(("rows", "area", "parts", "holes"), MEASURES.values(), ids=MEASURES.keys())
def test_measures_of_masks(rows: list[str], area: int, parts: int, holes: int) -> None:
    measured = shapes.measure(rle.encode(np.array([[c == "x" for c in row] for row in rows])))
    assert (measured.area_px, measured.parts, measured.holes) == (area, parts, holes)


def test_measures_of_polygons() -> None:
    outline = (0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0)
    hole = (1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0)
    apart = (20.0, 20.0, 21.0, 20.0, 21.0, 21.0)
    measured = shapes.measure(Polygon((outline, hole, apart)))
    assert measured == shapes.Measure(80.5, 2, 1, Box(0.0, 0.0, 21.0, 21.0))
    assert shapes.measure(Polygon(((1.0, 1.0),))) == shapes.Measure(0.0, 0, 0, None)


@given(st.lists(st.floats(-40, 60), min_size=6, max_size=16), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_a_pixel_is_inside_when_its_centre_is(values: list[float], height: int, width: int) -> None:
    ring = tuple(values[: len(values) // 2 * 2])
    bitmap = shapes.rasterise(Polygon((ring,)), height, width)
    xy = np.array(ring).reshape(-1, 2)
    for y, x in ((0, 0), (height // 2, width // 2), (height - 1, width - 1)):
        assert bitmap[y, x] == _inside(x + 0.5, y + 0.5, xy)


def _inside(x: float, y: float, xy: rle.Runs) -> bool:
    inside = False
    for (x0, y0), (x1, y1) in zip(xy, np.roll(xy, -1, axis=0), strict=True):
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        if y0 <= y < y1 and x >= x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside


def test_far_coordinates_are_cut_off_at_the_picture() -> None:
    everything = Polygon(((-1e6, -1e6, 1e6, -1e6, 1e6, 1e6, -1e6, 1e6),))
    assert shapes.rasterise(everything, 5, 7).all()


@given(st.binary(min_size=0, max_size=40), st.integers(1, 50), st.integers(1, 50))
@settings(max_examples=2_000, deadline=None)
def test_any_counts_are_read_or_refused(counts: bytes, height: int, width: int) -> None:
    try:
        bitmap = rle.to_bitmap(Mask(height, width, counts))
    except AnnotationInvalid:
        return
    assert bitmap.shape == (height, width)


@given(st.text(alphabet=[chr(c) for c in range(48, 112)], max_size=30).map(str.encode), st.integers(1, 9))
@settings(max_examples=2_000, deadline=None)
def test_any_counts_in_the_right_alphabet_are_read_or_refused(counts: bytes, side: int) -> None:
    try:
        runs = rle.decode(Mask(side, side, counts))
    except AnnotationInvalid:
        return
    assert runs.sum() == side * side
    assert rle.area(Mask(side, side, counts)) == coco.area({"size": [side, side], "counts": counts})


def test_sizes_are_bounded() -> None:
    counts = rle.encode(np.zeros((1, 1), dtype=bool)).counts
    with pytest.raises(AnnotationInvalid, match="do not fill"):
        rle.decode(Mask(100_000, 100_000, counts))
    with pytest.raises(AnnotationInvalid, match="may have"):
        rle.to_bitmap(Mask(100_000, 100_000, counts))
    with pytest.raises(AnnotationInvalid, match="may have"):
        shapes.polygon_to_mask(Polygon(((0.0, 0.0, 1.0, 0.0, 1.0, 1.0),)), 100_000, 100_000)
    noise = np.indices((2_000, 2_000)).sum(axis=0) % 2 == 0
    with pytest.raises(AnnotationInvalid, match="corners"):
        shapes.mask_to_polygon(rle.encode(noise))
