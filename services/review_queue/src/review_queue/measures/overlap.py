"""How much of a prediction is still there in the answer: intersection over union of what was moved."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import shapely

from labels import geometry, rle
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Mask, Polygon, Span, Value
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell

SAME_PLACE = 0.75
"""Intersection over union from which two shapes that different hands drew count as one place."""
MAX_PAIRS = 2_500
"""Most pairs of leftover annotations of one category that are compared; beyond it only those of one id are."""


def iou(one: Value, other: Value) -> float:
    """Intersection over union, 0 to 1: of characters, pixels or areas; 0 for values of two kinds."""
    match one, other:
        case (Span(), Span()):
            common = min(one.end, other.end) - max(one.start, other.start)
            union = max(one.end, other.end) - min(one.start, other.start)
            return max(0, common) / union if union else 1.0
        case (Box(), Box()):
            return _of_boxes(one, other)
        case (Mask(), Mask()):
            return _of_masks(one, other)
        case (Polygon(), Polygon()):
            return _of_polygons(one, other)
    return float(one == other)


def _of_boxes(one: Box, other: Box) -> float:
    width = min(one.x_px + one.width_px, other.x_px + other.width_px) - max(one.x_px, other.x_px)
    height = min(one.y_px + one.height_px, other.y_px + other.height_px) - max(one.y_px, other.y_px)
    common = max(0.0, width) * max(0.0, height)
    union = one.width_px * one.height_px + other.width_px * other.height_px - common
    return common / union if union > 0 else float(one == other)


def _of_masks(one: Mask, other: Mask) -> float:
    """From the run lengths: no mask is written out."""
    if (one.height_px, one.width_px) != (other.height_px, other.width_px):
        return 0.0
    ends_a, ends_b = np.cumsum(rle.decode(one)), np.cumsum(rle.decode(other))
    ends = np.union1d(ends_a, ends_b)
    lengths = np.diff(ends, prepend=0)
    in_a = np.searchsorted(ends_a, ends) % 2 == 1
    in_b = np.searchsorted(ends_b, ends) % 2 == 1
    union = int(lengths[in_a | in_b].sum())
    return int(lengths[in_a & in_b].sum()) / union if union else 1.0


def _of_polygons(one: Polygon, other: Polygon) -> float:
    try:
        a, b = geometry.region(one), geometry.region(other)
    except AnnotationInvalid:
        # Too tangled to be measured: it counts as moved altogether.
        return 0.0
    union = shapely.union(a, b).area
    return float(shapely.intersection(a, b).area / union) if union else 1.0


def moved(base: Sequence[Annotation], final: Sequence[Annotation]) -> dict[Cell, CellTotals]:
    """The annotations that kept tool and category and changed place, by the pair (tool, category, no category).

    That pair, under which `outcome.cells` counts the old place, gets their number and intersections over unions. An
    annotation is paired with the one of its id, else with the nearest that is left; those that do not meet are none.
    """
    old, new = _leftovers(base, final)
    found: dict[Cell, CellTotals] = defaultdict(CellTotals)
    for tool, category in old.keys() & new.keys():
        for overlap in _paired(old[tool, category], new[tool, category]):
            found[tool, category, ""] += CellTotals(0, 1, overlap, overlap**2)
    return dict(found)


def _leftovers(
    base: Sequence[Annotation], final: Sequence[Annotation]
) -> tuple[dict[tuple[str, str], list[Annotation]], dict[tuple[str, str], list[Annotation]]]:
    """By tool and category the annotations that do not stand where one of the other side stands."""
    places = {(a.tool, a.value) for a in base} & {(a.tool, a.value) for a in final}
    sides: list[dict[tuple[str, str], list[Annotation]]] = []
    for side in (base, final):
        left: dict[tuple[str, str], list[Annotation]] = defaultdict(list)
        for annotation in side:
            if (annotation.tool, annotation.value) not in places:
                left[annotation.tool, annotation.category].append(annotation)
        sides.append(left)
    return sides[0], sides[1]


def _paired(old: Iterable[Annotation], new: Iterable[Annotation]) -> list[float]:
    after = {annotation.id: annotation for annotation in new}
    overlaps, rest = [], []
    for before in old:
        now = after.get(before.id)
        overlap = iou(before.value, now.value) if now is not None else 0.0
        if overlap > 0:
            overlaps.append(overlap)
            del after[before.id]
        else:
            rest.append(before)
    return overlaps + [overlap for overlap, _, _ in _nearest(rest, list(after.values()))]


def _nearest(old: Sequence[Annotation], new: Sequence[Annotation]) -> list[tuple[float, int, int]]:
    """(overlap, index in old, index in new), the largest overlap first, none used twice."""
    if len(old) * len(new) > MAX_PAIRS:
        return []
    pairs = [(iou(a.value, b.value), i, j) for i, a in enumerate(old) for j, b in enumerate(new)]
    used_old: set[int] = set()
    used_new: set[int] = set()
    chosen = []
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if overlap > 0 and i not in used_old and j not in used_new:
            used_old.add(i)
            used_new.add(j)
            chosen.append((overlap, i, j))
    return chosen


def as_if_edited(base: Sequence[Annotation], final: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """An answer from scratch, told as changes of a prediction that its author did not see.

    Nobody draws a shape twice to the pixel: one whose intersection over union with a predicted shape of its tool is at
    least SAME_PLACE gets the predicted value and id. Choices and spans are the same only where they are equal.
    """
    answer = list(final)
    tools = {a.tool for a in base if isinstance(a.value, Box | Polygon | Mask)}
    for tool in sorted(tools):
        old = [a for a in base if a.tool == tool]
        at = [i for i, a in enumerate(final) if a.tool == tool]
        for overlap, i, j in _nearest(old, [final[k] for k in at]):
            if overlap >= SAME_PLACE:
                answer[at[j]] = replace(final[at[j]], id=old[i].id, value=old[i].value)
    taken = {a.id for a in base}
    # An id that only happens to be one of the prediction's would pair what has nothing to do with it.
    return tuple(
        replace(a, id=f"new {i}") if a.id in taken and a is final[i] else a for i, a in enumerate(answer)
    )
