"""Shapes lie in their picture."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.fixing import clip
from qa_engine.rings import MASK
from qa_engine.rule import Parameter, Terms, shape_rule
from qa_engine.shapes import Shapes

TOLERANCE = Parameter(
    "tolerance_px",
    1.0,
    0.0,
    100_000.0,
    "How far a box or polygon may reach beyond the picture's edge, in pixels; 0 to 100,000.",
)


@shape_rule("out_of_bounds", severity=Severity.WARNING, parameters=(TOLERANCE,), fix=clip)
def out_of_bounds(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No box or polygon reaches more than tolerance_px pixels beyond its picture."""
    tolerance = terms.number(TOLERANCE)
    with np.errstate(invalid="ignore"):
        left, top, right, bottom = shapes.bounds.T
        width, height = shapes.picture.T
        beyond = np.maximum(np.maximum(-left, -top), np.maximum(right - width, bottom - height))
    known = (width > 0) & (height > 0) & (shapes.kind != MASK)
    for place in np.flatnonzero(known & (beyond > tolerance)).tolist():
        yield place, f"The shape reaches {beyond[place]:.6g} pixels beyond the picture."
