"""Polygons and masks are large enough to be meant."""

from collections.abc import Iterator

from labels import geometry, rle
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Finding, Label, Mask, Polygon, Severity
from qa_engine.engine import Context, Parameter, rule

MIN_AREA = Parameter(
    "min_area_px",
    5.0,
    0.0,
    1e10,
    "Smallest area that is not flagged, in square pixels of the original; 0 to 1e10.",
)
_DECIMALS = 9
"""Areas are compared to a billionth, so that binary fractions do not put an exact 5 below 5."""


@rule("polygon_min_area", severity=Severity.WARNING, parameters=(MIN_AREA,))
def polygon_min_area(label: Label, context: Context) -> Iterator[Finding]:
    """No polygon or mask covers less than min_area_px square pixels of the original picture."""
    least = context.parameters[MIN_AREA.name]
    polygons = [(a, a.value) for a in label.annotations if isinstance(a.value, Polygon)]
    for (annotation, polygon), area in zip(polygons, _areas([p for _, p in polygons]), strict=True):
        if all(len(ring) < 6 for ring in polygon.rings):
            yield context.finding("The polygon has fewer than three points.", annotation.id)
        else:
            yield from _flag("polygon", annotation, area, least, context)
    for annotation in label.annotations:
        if isinstance(annotation.value, Mask):
            yield from _flag("mask", annotation, _pixels(annotation.value), least, context)


def _areas(polygons: list[Polygon]) -> list[float | None]:
    """All at once, which is several times faster than one by one; None where a polygon cannot be measured."""
    try:
        return list(geometry.areas(polygons).tolist())
    except AnnotationInvalid:
        return [_area(polygon) for polygon in polygons]


def _area(polygon: Polygon) -> float | None:
    try:
        return geometry.area(polygon)
    except AnnotationInvalid:
        return None


def _pixels(mask: Mask) -> float | None:
    try:
        return rle.area(mask)
    except AnnotationInvalid:
        return None


def _flag(
    what: str, annotation: Annotation, area: float | None, least: float, context: Context
) -> Iterator[Finding]:
    if area is None:
        yield context.finding(f"The {what} is too broken to be measured.", annotation.id)
    elif round(area, _DECIMALS) < least:
        yield context.finding(
            f"The {what} covers {area:.9g} square pixels, less than {least:.9g}.", annotation.id
        )
