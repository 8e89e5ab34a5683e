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
        sides = shapes.bounds[:, 2:] - shapes.bounds[:, :2]
        thin = sides.max(axis=1) > most * sides.min(axis=1)
    for place in np.flatnonzero(thin).tolist():
        shorter, longer = sorted(sides[place].tolist())
        yield place, f"The shape is {longer:.6g} pixels long and {shorter:.6g} wide."
