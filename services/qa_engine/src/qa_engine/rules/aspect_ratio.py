"""Shapes are not slivers."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.rule import Parameter, Terms, shape_rule
from qa_engine.shapes import Shapes

MOST = Parameter(
    "max_ratio",
    50.0,
    1.0,
    1e6,
    "Largest ratio of the longer to the shorter side of the box around a shape; 1 to 1e6.",
)


@shape_rule("aspect_ratio", severity=Severity.INFO, parameters=(MOST,), enabled=False)
def aspect_ratio(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """The upright box around a shape is at most max_ratio times as long as it is wide."""
    most = terms.number(MOST)
    with np.errstate(invalid="ignore"):
        left, top, right, bottom = shapes.bounds.T
        width, height = right - left, bottom - top
        shorter, longer = np.minimum(width, height), np.maximum(width, height)
        thin = longer > most * shorter
    for place in np.flatnonzero(thin).tolist():
        yield place, f"The shape is {longer[place]:.6g} pixels long and {shorter[place]:.6g} wide."
