"""Shapes have no pinholes."""

from collections.abc import Iterator

import numpy as np

from labels.correction import CorrectionOp
from labels.label import Annotation, Severity
from qa_engine.components import mask_components
from qa_engine.fixing import without_pinholes
from qa_engine.rule import Context, Parameter, Terms, Unchecked, shape_rule
from qa_engine.shapes import Shapes

LEAST = Parameter(
    "min_hole_px",
    16.0,
    0.0,
    1e10,
    "Smallest area of a hole, in square pixels; 0 to 1e10.",
)
MOST = Parameter("most_holes", 100.0, 0.0, 1e6, "Most holes of one shape; 0 to 1e6.")


def _fix(annotation: Annotation, context: Context) -> CorrectionOp | None:
    return without_pinholes(annotation, context.number(LEAST))


@shape_rule("small_hole", severity=Severity.INFO, parameters=(LEAST, MOST), enabled=False, fix=_fix)
def small_hole(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No polygon or mask has a hole of less than min_hole_px square pixels, or more than most_holes of them."""
    least, most = terms.number(LEAST), terms.number(MOST)
    regions = shapes.regions
    holes = np.bincount(regions.hole_owner, minlength=len(shapes))
    small = np.bincount(regions.hole_owner[regions.hole_area < least], minlength=len(shapes))
    for place in shapes.runs:
        parts = mask_components(shapes, place)
        if parts is None:
            yield place, Unchecked("The mask is too large to look for its holes.")
        else:
            holes[place], small[place] = len(parts.hole_px), (parts.hole_px < least).sum()
    for place in np.flatnonzero(small).tolist():
        yield place, f"{small[place]} holes of the shape are smaller than {least:.9g} square pixels."
    for place in np.flatnonzero(holes > most).tolist():
        yield place, f"The shape has {holes[place]} holes, more than {most:.9g}."
