"""How far two labels of one asset differ."""

from collections import Counter
from collections.abc import Sequence

from labels.label import Annotation, same_claims
from review_queue.measures.overlap import as_if_edited
from review_queue.outcome import Outcome, cells

MAX_PAIRS = 400
"""Most pairs of annotations that are compared place by place, which may take a few hundred microseconds a pair."""


def disagreement(one: Sequence[Annotation], other: Sequence[Annotation]) -> float:
    """1 - F1 of the annotations of two labels, 0 to 1; two empty labels agree.

    An annotation counts as found when the other label has one of the same tool, category and place; for boxes, polygons
    and masks an intersection over union of 0.75 is the same place. Of labels with more than 400 pairs of annotations
    only the categories are compared, so that the labels may differ more than it says.
    """
    if same_claims(one, other):
        return 0.0
    count = _by_category if len(one) * len(other) > MAX_PAIRS else _by_place
    return 1.0 - 2 * count(one, other) / (len(one) + len(other))


def _by_category(one: Sequence[Annotation], other: Sequence[Annotation]) -> int:
    a, b = (Counter((claim.tool, claim.category) for claim in side) for side in (one, other))
    return (a & b).total()


def _by_place(one: Sequence[Annotation], other: Sequence[Annotation]) -> int:
    compared = cells(one, as_if_edited(one, other))
    return Outcome("", None, unchanged=False, cells=compared).true_positives
