"""Polygons and masks are large enough to be meant."""

from collections.abc import Iterator

import numpy as np

from labels.label import Mask, Severity
from qa_engine.rule import Parameter, Terms, Unchecked, shape_rule
from qa_engine.shapes import Shapes

MIN_AREA = Parameter(
    "min_area_px",
    5.0,
    0.0,
    1e10,
    "Smallest area that is not flagged, in square pixels of the original; 0 to 1e10.",
)
_DECIMALS = 9
"""Areas are compared to a billionth, so that binary fractions do not put an exact 5 below 5."""


@shape_rule("polygon_min_area", severity=Severity.WARNING, parameters=(MIN_AREA,))
def polygon_min_area(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No polygon or mask covers less than min_area_px square pixels of the original picture."""
    least = terms.number(MIN_AREA)
    outlines = np.zeros(len(shapes), dtype=bool)
    outlines[shapes.polygons] = True
    pointless = outlines.copy()
    pointless[shapes.flat.owner[shapes.flat.sizes >= 3]] = False
    outlines[shapes.masks] = True
    areas = np.round(shapes.areas, _DECIMALS)
    for place in np.flatnonzero(outlines & (pointless | ~(areas >= least))).tolist():
        what = "mask" if isinstance(shapes.values[place], Mask) else "polygon"
        if pointless[place]:
            yield place, "The polygon has fewer than three points."
        elif np.isnan(areas[place]):
            yield place, Unchecked(f"The {what} is too broken to be measured.")
        else:
            yield place, f"The {what} covers {shapes.areas[place]:.9g} square pixels, less than {least:.9g}."
