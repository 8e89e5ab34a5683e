"""Rings enclose something."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.rule import Terms, shape_rule
from qa_engine.shapes import Shapes


@shape_rule("degenerate_ring", severity=Severity.WARNING)
def degenerate_ring(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """Every ring of a polygon has three different points that do not lie on one line."""
    rings = shapes.rings
    degenerate = np.bincount(rings.short, minlength=len(shapes))
    degenerate += np.bincount(rings.owner[rings.flat], minlength=len(shapes))
    # Rings without any point are not in the columns.
    empty = shapes.flat.none[shapes.sound[shapes.flat.none]]
    degenerate[empty] += 1
    for place in np.flatnonzero(degenerate).tolist():
        count = degenerate[place]
        rings_have = "A ring of the polygon has" if count == 1 else f"{count} rings of the polygon have"
        yield place, f"{rings_have} fewer than three points that are not on one line."
