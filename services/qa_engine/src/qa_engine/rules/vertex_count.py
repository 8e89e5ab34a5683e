"""Outlines have as many points as their shape needs."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.rule import Parameter, Terms, shape_rule
from qa_engine.shapes import Shapes

FEWEST = Parameter("fewest_points", 4.0, 0.0, 1e6, "Fewest points of a polygon; 0 to 1e6.")
MOST = Parameter("most_points", 2_000.0, 3.0, 1e6, "Most points of a polygon; 3 to 1e6.")


@shape_rule("vertex_count", severity=Severity.INFO, parameters=(FEWEST, MOST), enabled=False)
def vertex_count(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """A polygon has from fewest_points to most_points points in all its rings together."""
    fewest, most = terms.number(FEWEST), terms.number(MOST)
    counts = np.bincount(shapes.flat.owner, weights=shapes.flat.sizes, minlength=len(shapes))
    wrong = np.zeros(len(shapes), dtype=bool)
    wrong[shapes.polygons] = True
    wrong &= (counts < fewest) | (counts > most)
    for place in np.flatnonzero(wrong).tolist():
        count = int(counts[place])
        yield place, f"The polygon has {count} points, not {fewest:.9g} to {most:.9g}."
