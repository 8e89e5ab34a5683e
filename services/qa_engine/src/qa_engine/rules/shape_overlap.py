"""Objects do not cover each other."""

from collections.abc import Iterator

import numpy as np

from labels.label import Severity
from qa_engine.rule import Parameter, Terms, Unchecked, shape_rule
from qa_engine.shapes import Shapes

MAX_SHARE = Parameter(
    "max_share",
    0.1,
    0.0,
    1.0,
    "Largest share of the smaller shape that another may cover; 0 to 1.",
)


@shape_rule("shape_overlap", severity=Severity.WARNING, parameters=(MAX_SHARE,), enabled=False)
def shape_overlap(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """No two shapes made with the same tool have more than max_share of the smaller one in common."""
    most = terms.number(MAX_SHARE)
    pairs = shapes.pairs
    close = pairs.close
    smaller = pairs.smaller()
    may = np.flatnonzero(shapes.of_same(lambda a: a.tool, close.i, close.j) & (pairs.room() > most * smaller))
    shares = pairs.common(may) / smaller[may]
    over = shares > most
    for pair, share in zip(may[over].tolist(), shares[over].tolist(), strict=True):
        i, j = int(close.i[pair]), int(close.j[pair])
        yield (
            j,
            f"The shape overlaps the annotation {shapes.annotations[i].id} on {share:.1%} of the smaller one.",
        )
    yield from crowded(shapes)


def crowded(shapes: Shapes) -> Iterator[tuple[int, str]]:
    """What to say of labels with too many shapes side by side to compare them all, at their last shape."""
    for label in shapes.pairs.close.crowded.tolist():
        last = int(np.searchsorted(shapes.label, label, side="right")) - 1
        yield last, Unchecked("The label has too many shapes over each other to compare them all.")
