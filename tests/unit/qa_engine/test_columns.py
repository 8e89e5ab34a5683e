"""Shapes in columns, against the same figures shape by shape."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from labels import geometry, rle, shapes
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind, Mask, Polygon
from qa_engine.pairs import common_pixels
from qa_engine.pieces import pairs_within
from qa_engine.shapes import Shapes
from tests.unit.qa_engine.shapes import rectangle

ASSET = Asset("k")


def columns(*polygons: Polygon | Mask) -> Shapes:
    annotations = tuple(Annotation(f"a{n}", "t", "c", value) for n, value in enumerate(polygons))
    return Shapes([(Label(LabelKind.DEFAULT, "ann", annotations), ASSET)])


coordinates = st.integers(0, 12).map(float)
rings = st.lists(coordinates, min_size=0, max_size=16).map(
    lambda values: tuple(values[: len(values) // 2 * 2])
)
polygons = st.lists(rings, min_size=1, max_size=4).map(lambda found: Polygon(tuple(found)))


@settings(deadline=None, max_examples=300)
@given(st.lists(polygons, min_size=1, max_size=5))
def test_areas_parts_and_holes_are_those_of_the_faces(some: list[Polygon]) -> None:
    found = columns(*some)
    assert found.areas == pytest.approx([geometry.area(polygon) for polygon in some], abs=1e-9)
    for place, polygon in enumerate(some):
        parts = shapely.get_parts(geometry.region(polygon))
        mine = found.regions.part_area[found.regions.part_owner == place]
        assert mine.sum() == pytest.approx(shapely.area(parts).sum(), abs=1e-9)
        bounds = shapely.total_bounds(parts) if len(parts) else None
        if bounds is not None and found.areas[place]:
            assert (found.bounds[place, :2] <= bounds[:2] + 1e-9).all()
            assert (found.bounds[place, 2:] >= bounds[2:] - 1e-9).all()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9))
def test_the_quick_look_says_simple_only_of_what_is(points: list[tuple[float, float]]) -> None:
    ring = tuple(value for point in points for value in point)
    found = columns(Polygon((ring,))).rings
    if len(found):
        assert found.simple.tolist() == shapely.is_simple(found.lines(np.arange(len(found)))).tolist()


def test_rings_in_rings_in_rings() -> None:
    sides = [40 - 2 * n for n in range(0, 18, 3)]
    squares = [rectangle(side, side, (40 - side) / 2, (40 - side) / 2) for side in sides]
    found = columns(Polygon(tuple(squares)))
    assert found.areas[0] == sum((-1) ** n * side**2 for n, side in enumerate(sides))
    assert found.regions.part_area.tolist() == [
        a**2 - b**2 for a, b in zip(sides[::2], sides[1::2], strict=True)
    ]
    assert found.regions.hole_area.tolist() == [side**2 for side in sides[1::2]]


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_common_pixels_are_those_in_both(one: int, other: int) -> None:
    bitmaps = [
        np.asarray([n >> bit & 1 for bit in range(24)], dtype=bool).reshape(4, 6) for n in (one, other)
    ]
    runs = [rle.decode(rle.encode(bitmap)) for bitmap in bitmaps]
    assert common_pixels(*runs) == int((bitmaps[0] & bitmaps[1]).sum())


def test_pairs_are_all_within_their_owner() -> None:
    owner = np.asarray([0, 0, 0, 3, 5, 5])
    (pieces,) = pairs_within(owner)
    assert sorted(zip(*(side.tolist() for side in pieces), strict=True)) == [(0, 1), (0, 2), (1, 2), (4, 5)]


def test_masks_have_their_pixels_and_bounds() -> None:
    random = np.random.default_rng(4)
    masks = [rle.encode(random.random((20, 30)) < share) for share in (0, 0.01, 0.5, 1)]
    found = columns(*masks)
    assert found.areas.tolist() == [rle.area(mask) for mask in masks]
    for place, mask in enumerate(masks):
        box = rle.bounds(mask)
        if box is None:
            assert np.isnan(found.bounds[place]).all()
        else:
            assert found.bounds[place].tolist() == [
                box.x_px,
                box.y_px,
                box.x_px + box.width_px,
                box.y_px + box.height_px,
            ]
    measured = shapes.measure(masks[2])
    assert measured.area_px == found.areas[2]
