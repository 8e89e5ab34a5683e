"""Polygons with fewer corners and the loss that is promised."""

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labels import geometry, rle, shapes
from labels.errors import AnnotationInvalid
from labels.label import Polygon
from labels.rle import Bitmap
from sam_segmenter.errors import OptionInvalid
from sam_segmenter.masks.simplify import simplify


def disc(side_px: int = 200) -> Bitmap:
    y, x = np.mgrid[:side_px, :side_px] + 0.5
    return np.hypot(x - side_px / 2, y - side_px / 2) < side_px / 2 - 3


def blobs(seed: int, height_px: int, width_px: int) -> Bitmap:
    """Parts and holes of all sizes, as decoders leave them."""
    noise = np.random.default_rng(seed).standard_normal((height_px, width_px)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 3) > 0.03


BLOBS = st.builds(blobs, st.integers(0, 9999), st.integers(8, 70), st.integers(8, 70)).filter(np.any)
SPECKLES = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans())
MASKS = st.one_of(BLOBS, SPECKLES.filter(np.any))


def corners(polygon: Polygon) -> int:
    return sum(map(len, polygon.rings)) // 2


def loss_of(polygon: Polygon, mask: Bitmap) -> float:
    drawn = shapes.rasterise(polygon, *mask.shape)
    return 1 - float((drawn & mask).sum() / (drawn | mask).sum())


@settings(deadline=None)
@given(MASKS, st.floats(0, 0.5))
def test_the_loss_is_the_measured_one_and_within_the_bound(mask: Bitmap, bound: float) -> None:
    polygon, loss = simplify(mask, bound)
    assert loss == pytest.approx(loss_of(polygon, mask), abs=1e-9)
    assert loss <= bound


@settings(deadline=None)
@given(MASKS, st.floats(0, 0.5))
def test_every_part_and_hole_keeps_a_ring_and_no_edges_cross(mask: Bitmap, bound: float) -> None:
    polygon, _ = simplify(mask, bound)
    exact = shapes.outlines(mask)
    assert len(polygon.rings) == len(exact)
    assert min(map(len, polygon.rings)) >= 6
    edges = [
        shapely.LineString(pair)
        for xy in map(geometry.points, polygon.rings)
        for pair in zip(xy, np.roll(xy, -1, axis=0), strict=True)
    ]
    tree = shapely.STRtree(edges)
    assert not tree.query(edges, predicate="crosses").size


@settings(deadline=None)
@given(MASKS)
def test_without_a_loss_a_mask_goes_there_and_back_with_all_parts(mask: Bitmap) -> None:
    polygon, loss = simplify(mask, 0)
    assert loss == 0
    assert polygon == shapes.mask_to_polygon(rle.encode(mask))
    assert (shapes.rasterise(polygon, *mask.shape) == mask).all()


@settings(deadline=None)
@given(MASKS, st.floats(0.01, 0.5))
def test_a_polygon_is_simplified_like_the_mask_that_it_outlines(mask: Bitmap, bound: float) -> None:
    from_polygon = simplify(shapes.mask_to_polygon(rle.encode(mask)), bound)
    assert from_polygon == simplify(mask, bound)


def test_a_disc_of_hundreds_of_corners_needs_few() -> None:
    mask = disc()
    exact, _ = simplify(mask, 0)
    fine, coarse = simplify(mask, 0.01)[0], simplify(mask, 0.1)[0]
    assert corners(exact) > 250
    assert corners(coarse) < corners(fine) < 50
    assert corners(coarse) <= 12


def test_a_rectangle_keeps_its_four_corners() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[2:15, 4:25] = True
    assert simplify(mask, 0.02) == (Polygon(((4.0, 2.0, 25.0, 2.0, 25.0, 15.0, 4.0, 15.0),)), 0.0)


def test_a_small_part_beside_a_large_one_stays() -> None:
    mask = np.zeros((220, 260), dtype=bool)
    mask[:200, :200] = disc()
    mask[210:212, 250:252] = True
    polygon, loss = simplify(mask, 0.2)
    assert loss > 0
    assert shapes.measure(polygon).parts == 2


def test_a_polygon_off_the_picture_keeps_its_place_and_its_decimals() -> None:
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack((np.cos(turns), np.sin(turns)), axis=1) * 80.123456789 + (-30.000000001, 1e4)
    polygon, loss = simplify(Polygon((tuple(ring.ravel().tolist()),)), 0.02)
    assert corners(polygon) < 60
    assert 0 < loss <= 0.02
    # A whole number of pixels is taken off and added again, which moves the last bit at most.
    far = np.abs(geometry.points(polygon.rings[0])[:, None] - ring[None]).max(axis=2).min(axis=1)
    assert far.max() < 1e-11


def test_a_polygon_between_the_centres_of_pixels_stays_as_it_is() -> None:
    sliver = Polygon(((0.6, 0.6, 0.7, 0.6, 0.75, 0.65, 0.7, 0.7),))
    assert simplify(sliver, 0.3) == (sliver, 0.0)


def test_a_ring_that_crosses_itself_is_still_measured_by_even_and_odd() -> None:
    star = Polygon(((0.0, 0.0, 30.0, 30.0, 30.0, 0.0, 15.0, 0.5, 0.0, 30.0),))
    polygon, loss = simplify(star, 0.3)
    assert loss == pytest.approx(loss_of(polygon, shapes.rasterise(star, 31, 31)), abs=1e-9)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AnnotationInvalid, match="no outline"):
        simplify(np.zeros((5, 5), dtype=bool), 0.1)
    with pytest.raises(AnnotationInvalid, match="rings"):
        simplify(np.indices((80, 80)).sum(axis=0) % 2 == 0, 0.1)
    for loss in (-0.1, 0.51, float("nan")):
        with pytest.raises(OptionInvalid):
            simplify(disc(), loss)
