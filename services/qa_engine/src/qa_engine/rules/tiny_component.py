"""Shapes have no crumbs."""

from collections.abc import Iterator

import numpy as np

from labels.correction import CorrectionOp
from labels.label import Annotation, Severity
from qa_engine.components import mask_components
from qa_engine.fixing import without_crumbs
from qa_engine.rule import Context, Parameter, Terms, Unchecked, shape_rule
from qa_engine.shapes import Shapes

LEAST = Parameter(
    "min_part_px",
    16.0,
    0.0,
    1e10,
    "Smallest area of a part of a shape that has several, in square pixels; 0 to 1e10.",
)


def _fix(annotation: Annotation, context: Context) -> CorrectionOp | None:
    return without_crumbs(annotation, context.number(LEAST))


@shape_rule("tiny_component", severity=Severity.WARNING, parameters=(LEAST,), enabled=False, fix=_fix)
def tiny_component(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No polygon or mask of several parts has one of less than min_part_px square pixels."""
    least = terms.number(LEAST)
    regions = shapes.regions
    several = np.bincount(regions.part_owner, minlength=len(shapes)) > 1
    tiny = several[regions.part_owner] & (regions.part_area < least)
    counts = np.bincount(regions.part_owner[tiny], minlength=len(shapes))
    for place in shapes.runs:
        parts = mask_components(shapes, place)
        if parts is None:
            yield place, Unchecked("The mask is too large to look for its parts.")
        elif len(parts.part_px) > 1:
            counts[place] = (parts.part_px < least).sum()
    for place in np.flatnonzero(counts).tolist():
        yield place, f"{counts[place]} parts of the shape are smaller than {least:.9g} square pixels."
