"""What the columns see at a glance, against the same worked out by geometry, one polygon at a time."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from labels import geometry
from labels.asset import Asset
from labels.label import Annotation, Box, Label, LabelKind, Polygon, Value
from qa_engine.shapes import Shapes
from qa_engine.solids import solids
from tests.unit.qa_engine.shapes import rectangle

Ring = tuple[float, ...]


def columns(*values: Value) -> Shapes:
    annotations = tuple(Annotation(f"a{n}", "t", "c", value) for n, value in enumerate(values))
    return Shapes([(Label(LabelKind.DEFAULT, "ann", annotations), Asset("k"))])


def wheel(x: float, y: float, reaches: list[float]) -> Ring:
    """A ring around a point at those distances from it."""
    turns = [2 * math.pi * n / len(reaches) for n in range(len(reaches))]
    return tuple(
        value
        for turn, reach in zip(turns, reaches, strict=True)
        for value in (x + reach * math.cos(turn), y + reach * math.sin(turn))
    )


offsets = st.floats(-900_000, 900_000)
reaches = st.lists(st.floats(0.5, 50), min_size=3, max_size=12)
small = st.tuples(
    st.floats(-30, 30), st.floats(-30, 30), st.lists(st.floats(0.01, 20), min_size=3, max_size=8)
)
coordinates = st.integers(0, 12).map(float)
rings = st.lists(coordinates, min_size=6, max_size=12).map(lambda v: tuple(v[: len(v) // 2 * 2]))
boxes = st.builds(Box, coordinates, coordinates, st.integers(1, 9).map(float), st.integers(1, 9).map(float))
polygons = st.lists(rings, min_size=1, max_size=3).map(lambda found: Polygon(tuple(found)))


@settings(deadline=None, max_examples=400)
@given(offsets, offsets, reaches, small)
def test_a_ring_that_is_seen_to_hold_another_does(
    x: float, y: float, outer: list[float], inner: tuple[float, float, list[float]]
) -> None:
    right, down, inner_reaches = inner
    hole = wheel(x + right, y + down, inner_reaches)
    found = columns(Polygon((wheel(x, y, outer), hole))).rings
    if len(found) == 2 and found.hold(np.asarray([0]), np.asarray([1]))[0]:
        solid, line = shapely.polygons(found.lines(np.asarray([0])))[0], found.lines(np.asarray([1]))[0]
        assert shapely.contains_properly(solid, line)


def test_pinholes_are_seen_at_a_glance_and_near_misses_are_not() -> None:
    outer = wheel(100, 100, [50.0] * 24)
    # The circle that touches the edges from inside has a radius of 50 cos(7.5 degrees), 49.57.
    inside, close, beside, touching, poking = (
        wheel(100, 100, [10.0] * 8),
        wheel(100, 100, [49.5] * 24),
        wheel(170, 100, [5.0] * 8),
        wheel(100, 100, [50.0] * 4),
        rectangle(72, 72, 64, 64),
    )
    found = columns(*(Polygon((outer, ring)) for ring in (inside, close, beside, touching, poking))).rings
    at = np.arange(0, 10, 2)
    assert found.hold(at, at + 1).tolist() == [True, False, False, False, False]
    assert not found.hold(at + 1, at).any()


@pytest.mark.parametrize(
    "outer",
    [
        pytest.param((0, 0, 90, 0, 90, 90, 60, 90, 60, 20, 30, 20, 30, 90, 0, 90), id="its mean is in a bay"),
        pytest.param(wheel(50, 50, [60, 9] * 6), id="a star"),
        pytest.param((0, 0, 90, 90, 90, 0, 0, 90), id="a bow tie"),
    ],
)
def test_what_does_not_go_steadily_round_or_comes_too_near_holds_nothing(outer: Ring) -> None:
    found = columns(Polygon((tuple(map(float, outer)), rectangle(8, 8, 41, 46)))).rings
    assert not found.hold(np.asarray([0]), np.asarray([1])).any()


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(polygons, boxes), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_insides_are_those_of_each_polygon_alone(values: list[Value], random) -> None:
    shapes = columns(*values)
    places = np.asarray(sorted(random.sample(range(len(values)), random.randint(1, len(values)))))
    for place, solid in zip(places.tolist(), solids(shapes, places), strict=True):
        value = values[place]
        alone = (
            shapely.box(value.x_px, value.y_px, value.x_px + value.width_px, value.y_px + value.height_px)
            if isinstance(value, Box)
            else geometry.region(value)
        )
        assert shapely.is_valid(solid)
        assert shapely.area(shapely.symmetric_difference(solid, alone)) == pytest.approx(0, abs=1e-9)


def test_a_ring_in_a_hole_is_a_part_of_its_own() -> None:
    squares = tuple(rectangle(side, side, (40 - side) / 2, (40 - side) / 2) for side in (40, 30, 20, 10))
    shapes = columns(Box(0, 0, 5, 5), Polygon(squares[::-1]), Polygon((rectangle(3, 3, 90, 90),)))
    (solid,) = solids(shapes, np.asarray([1]))
    assert shapely.get_num_geometries(solid) == 2
    assert solid.area == 40**2 - 30**2 + 20**2 - 10**2


def overlap(one: Value, other: Value) -> float:
    shapes = columns(one, other)
    found = shapes.pairs
    return float(found.common(np.arange(len(found.close.i))).sum())


@settings(deadline=None, max_examples=300)
@given(st.one_of(polygons, boxes), st.one_of(polygons, boxes))
def test_common_areas_are_those_of_the_insides(one: Value, other: Value) -> None:
    solid = solids(columns(one, other), np.asarray([0, 1]))
    assert overlap(one, other) == pytest.approx(shapely.intersection(*solid).area, abs=1e-9)
