"""Polygon areas: exact where they are known, else held to a raster and to another engine."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from labels import geometry, shapes
from labels.errors import AnnotationInvalid
from labels.label import Polygon

SQUARE = (0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0)
HOLE = (2.0, 2.0, 4.0, 2.0, 4.0, 4.0, 2.0, 4.0)
CASES = {
    "square": ((SQUARE,), 100.0),
    "either direction": ((SQUARE[::-1],), 100.0),
    "hole": ((SQUARE, HOLE), 96.0),
    "hole in the same direction": ((SQUARE, HOLE[::-1]), 96.0),
    "hole before its outline": ((HOLE, SQUARE), 96.0),
    "island in a hole": ((SQUARE, HOLE, (2.5, 2.5, 3.5, 2.5, 3.5, 3.5, 2.5, 3.5)), 97.0),
    "two parts": ((SQUARE, (20.0, 0.0, 21.0, 0.0, 21.0, 1.0, 20.0, 1.0)), 101.0),
    "overlapping rings": ((SQUARE, (5.0, 0.0, 15.0, 0.0, 15.0, 10.0, 5.0, 10.0)), 100.0),
    "hole that touches the outline": ((SQUARE, (0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0)), 96.0),
    "the same ring twice": ((SQUARE, SQUARE), 0.0),
    "a ring that runs round twice": (((*SQUARE, *SQUARE),), 0.0),
    "bow tie": (((0.0, 0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0),), 50.0),
    "closed explicitly": (((*SQUARE, 0.0, 0.0),), 100.0),
    "a point repeated": (((0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0),), 100.0),
    "a spike": (((0.0, 0.0, 10.0, 0.0, 15.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0),), 100.0),
    "there and back": (((0.0, 0.0, 10.0, 0.0, 5.0, 0.0),), 0.0),
    "no points": (((),), 0.0),
    "one point": (((1.0, 1.0),), 0.0),
    "two points": (((0.0, 0.0, 10.0, 10.0),), 0.0),
    "three times the same point": (((1.0, 1.0, 1.0, 1.0, 1.0, 1.0),), 0.0),
    "a degenerate ring beside a sound one": ((SQUARE, (50.0, 50.0, 60.0, 60.0)), 100.0),
    "far from the origin": (((1e6, 1e6, 1e6 + 5, 1e6, 1e6 + 5, 1e6 + 1, 1e6, 1e6 + 1),), 5.0),
}


@pytest.mark.parametrize(("rings", "expected"), CASES.values(), ids=CASES.keys())
def test_area_is_even_odd(rings: tuple[tuple[float, ...], ...], expected: float) -> None:
    assert geometry.area(Polygon(rings)) == pytest.approx(expected, abs=1e-9)
    assert geometry.region(Polygon(rings)).area == pytest.approx(expected, abs=1e-9)


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    polygons = [Polygon(rings) for rings, _ in CASES.values()]
    assert geometry.areas(polygons).tolist() == [geometry.area(polygon) for polygon in polygons]
    assert geometry.areas([]).tolist() == []


def test_pentagram_without_its_middle() -> None:
    angles = np.arange(5) * 4 * np.pi / 5
    star = np.stack((np.cos(angles), np.sin(angles)), axis=1) * 10
    hull, middle = 237.7641290737884, 34.69
    outline = geometry.area(Polygon((tuple(star.ravel()),)))
    # Star with its middle: 5 triangles over the pentagon; the middle counts twice, so not at all.
    assert outline == pytest.approx(_star_area(10.0) - _middle_area(10.0), rel=1e-9)
    assert middle < outline < hull


def _middle_area(radius: float) -> float:
    inner = radius * np.sin(np.pi / 10) / np.sin(3 * np.pi / 10)
    return float(2.5 * inner**2 * np.sin(2 * np.pi / 5))


def _star_area(radius: float) -> float:
    inner = radius * np.sin(np.pi / 10) / np.sin(3 * np.pi / 10)
    return float(5 * radius * inner * np.sin(np.pi / 5))


coordinates = st.floats(-50, 50, allow_nan=False, width=32)
rings = st.lists(coordinates, min_size=0, max_size=12).map(lambda v: tuple(v[: len(v) // 2 * 2]))
lattice = st.lists(st.integers(0, 6), min_size=6, max_size=20).map(
    lambda v: tuple(float(c) for c in v[: len(v) // 2 * 2])
)


@given(st.lists(lattice, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_area_agrees_with_a_fine_raster(drawn: list[tuple[float, ...]]) -> None:
    """On a lattice every kind of overlap and touch occurs; 32 x 32 samples a unit square."""
    scale = 32.0
    fine = Polygon(tuple(tuple(c * scale for c in ring) for ring in drawn))
    counted = shapes.rasterise(fine, 6 * 32, 6 * 32).sum() / scale**2
    edges = sum(len(ring) // 2 for ring in drawn)
    assert geometry.area(Polygon(tuple(drawn))) == pytest.approx(counted, abs=edges * 3 / scale)


@given(st.lists(rings, min_size=1, max_size=4), st.floats(-1000, 1000), st.floats(-1000, 1000))
@settings(max_examples=300, deadline=None)
def test_area_does_not_depend_on_place_or_order(drawn: list[tuple[float, ...]], dx: float, dy: float) -> None:
    moved = tuple(tuple(np.add(geometry.points(ring), (dx, dy)).ravel()) for ring in reversed(drawn))
    here = geometry.area(Polygon(tuple(drawn)))
    assert here >= 0
    assert geometry.area(Polygon(moved)) == pytest.approx(here, abs=1e-2)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8, unique=True))
@settings(max_examples=200, deadline=None)
def test_area_of_sound_rings_is_the_geometry_engines(drawn: list[tuple[float, float]]) -> None:
    peer = shapely.Polygon(drawn)
    if peer.is_valid:
        ring = tuple(c for point in drawn for c in point)
        assert geometry.area(Polygon((ring,))) == pytest.approx(peer.area, abs=1e-6)


def test_a_tangle_is_refused_in_bounded_work() -> None:
    points = np.random.default_rng(1).uniform(0, 1000, size=(5_000, 2))
    with pytest.raises(AnnotationInvalid, match="too often"):
        geometry.area(Polygon((tuple(points.ravel()),)))


def test_region_keeps_parts_and_holes() -> None:
    region = geometry.region(Polygon(CASES["island in a hole"][0]))
    assert len(region.geoms) == 2
    assert sorted(len(part.interiors) for part in region.geoms) == [0, 1]
    assert region.is_valid
