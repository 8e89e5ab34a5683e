"""polygon_min_area: what it lets pass and what it flags."""

import numpy as np
import pytest

from labels import rle
from labels.label import Annotation, Box, Mask, Polygon, Severity, Value


def shape(*rings: tuple[float, ...]) -> Annotation:
    return Annotation("a0", "outline", "roof", Polygon(rings))


def rectangle(width: float, height: float, x: float = 0.0, y: float = 0.0) -> tuple[float, ...]:
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def pixels(count: int) -> Value:
    bitmap = np.zeros((10, 10), dtype=bool)
    bitmap.flat[:count] = True
    return rle.encode(bitmap)


NOOP = {
    "exactly five": shape(rectangle(5, 1)),
    "exactly five at an odd place": shape(rectangle(5, 1, 1000.1, 3000.7)),
    "exactly five in fractions": shape(rectangle(0.1, 50)),
    "large": shape(rectangle(100, 100)),
    "large with a hole": shape(rectangle(10, 10), rectangle(3, 3, 1, 1)),
    "two small parts that are large enough together": shape(rectangle(2, 2), rectangle(1, 1, 5, 5)),
    "a large bow tie": shape((0.0, 0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0)),
    "five pixels": Annotation("a0", "area", "roof", pixels(5)),
    "a small box": Annotation("a0", "box", "roof", Box(0, 0, 1, 1)),
}


@pytest.mark.parametrize("annotation", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, annotation: Annotation) -> None:
    assert ask("polygon_min_area", annotation) == []


SMALL = "The polygon covers {} square pixels, less than 5."
FLAGGED = {
    "4.999": (shape(rectangle(4.999, 1)), SMALL.format("4.999")),
    "4.999999": (shape(rectangle(4.999999, 1)), SMALL.format("4.999999")),
    "all but its hole": (shape(rectangle(3, 3), rectangle(2.5, 2, 0.2, 0.5)), SMALL.format("4")),
    "a bow tie whose hull is large": (
        shape((0.0, 0.0, 4.0, 2.0, 4.0, 0.0, 0.0, 2.0)),
        SMALL.format("4"),
    ),
    "twice round": (shape(rectangle(9, 9) * 2), SMALL.format("0")),
    "a line": (shape((0.0, 0.0, 9.0, 9.0, 18.0, 18.0)), SMALL.format("0")),
    "two points": (shape((0.0, 0.0, 90.0, 90.0)), "The polygon has fewer than three points."),
    "no points": (shape(()), "The polygon has fewer than three points."),
    "four pixels": (
        Annotation("a0", "area", "roof", pixels(4)),
        "The mask covers 4 square pixels, less than 5.",
    ),
    "no pixels": (
        Annotation("a0", "area", "roof", pixels(0)),
        "The mask covers 0 square pixels, less than 5.",
    ),
    "malformed run lengths": (
        Annotation("a0", "area", "roof", Mask(10, 10, b"oooo")),
        "The mask is too broken to be measured.",
    ),
}


@pytest.mark.parametrize(("annotation", "sentence"), FLAGGED.values(), ids=FLAGGED.keys())
def test_flags(ask, annotation: Annotation, sentence: str) -> None:
    (finding,) = ask("polygon_min_area", annotation)
    assert (finding.severity, finding.annotation_id) == (Severity.WARNING, "a0")
    assert finding.message == sentence


def test_the_threshold_is_a_parameter(ask) -> None:
    assert ask("polygon_min_area", shape(rectangle(4, 1)), parameters={"min_area_px": 4.0}) == []
    (finding,) = ask("polygon_min_area", shape(rectangle(4, 1)), parameters={"min_area_px": 4.5})
    assert finding.message == "The polygon covers 4 square pixels, less than 4.5."


def test_degenerate_is_flagged_whatever_the_threshold(ask) -> None:
    assert len(ask("polygon_min_area", shape((0.0, 0.0)), parameters={"min_area_px": 0.0})) == 1


def test_one_tangle_does_not_hide_the_others(ask) -> None:
    points = np.random.default_rng(1).uniform(0, 1000, size=(2_000, 2))
    tangle = Annotation("tangle", "outline", "roof", Polygon((tuple(points.ravel()),)))
    small = shape(rectangle(1, 1))
    found = ask("polygon_min_area", tangle, small)
    assert [(f.annotation_id, f.message) for f in found] == [
        ("tangle", "The polygon is too broken to be measured."),
        ("a0", SMALL.format("1")),
    ]
