"""Nothing is annotated twice."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.fixing import drop
from qa_engine.rule import Parameter, Terms, shape_rule
from qa_engine.rules.shape_overlap import crowded
from qa_engine.shapes import Shapes

MIN_IOU = Parameter(
    "min_iou",
    0.98,
    0.5,
    1.0,
    "Two shapes whose common area is this share of their joint area or more count as one; 0.5 to 1.",
)


@shape_rule("duplicate_shape", severity=Severity.WARNING, parameters=(MIN_IOU,), fix=drop)
def duplicate_shape(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No two shapes of the same tool and category cover the same place."""
    least = terms.number(MIN_IOU)
    pairs = shapes.pairs
    close = pairs.close
    both = shapes.areas[close.i] + shapes.areas[close.j]
    room = pairs.room()
    may = np.flatnonzero(
        shapes.of_same(lambda a: f"{a.tool}\0{a.category}", close.i, close.j)
        & (room >= least * (both - room) * (1 - 1e-9))
    )
    common = pairs.common(may)
    # To a billionth, so that rounding does not part two equal shapes.
    same = np.round(common / (both[may] - common), 9) >= least
    for pair in may[same].tolist():
        i, j = int(close.i[pair]), int(close.j[pair])
        yield j, f"The shape covers the same place as the annotation {shapes.annotations[i].id}."
    yield from crowded(shapes)
