"""Outlines do not cross themselves."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.fixing import untangle
from qa_engine.rule import Terms, Unchecked, shape_rule
from qa_engine.shapes import Shapes


@shape_rule("self_intersection", severity=Severity.WARNING, fix=untangle)
def self_intersection(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No ring of a polygon crosses itself or another, or runs along it; rings that touch at points are fine."""
    regions = shapes.regions
    for place in np.flatnonzero(regions.crossed).tolist():
        yield place, "The polygon's outline crosses itself."
    for place in np.flatnonzero(np.isnan(regions.area) & shapes.sound & ~regions.crossed).tolist():
        yield place, Unchecked("The polygon's outline is too tangled to say whether it crosses itself.")
