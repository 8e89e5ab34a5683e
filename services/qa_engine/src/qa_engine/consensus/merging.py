"""One shape from several of the same thing."""

from collections import Counter
from collections.abc import Sequence
from statistics import median, median_low

import numpy as np
import shapely
from numpy.typing import NDArray

from labels import rle
from labels.geometry import region
from labels.label import Box, Mask, Polygon, Span, Value
from qa_engine.consensus.staple import staple
from qa_engine.errors import VotesInvalid

MAX_WINDOW_PX = 1 << 26
"""Most pixels of the box around masks that are merged, times their number: five masks all over 12 megapixels."""


def merge(values: Sequence[Value], text: str | None = None, *, by_staple: bool = False) -> Value:
    """The shape that most agree on, of values of one kind, at least one; one alone stays as it is.

    Spans take the boundary that most chose, the median of the boundaries where several were chosen as often. Boxes
    take the median of each side. Polygons cover what more than half of them cover, masks likewise, or what is
    likelier than not by STAPLE. `text` is the asset's; without it, the merged span must be one of the given.
    Raises VotesInvalid when nothing is left or the values are too large to merge, AnnotationInvalid for one that is
    not sound.
    """
    if all(value == values[0] for value in values):
        return values[0]
    match values[0]:
        case Span():
            return merge_spans([v for v in values if isinstance(v, Span)], text)
        case Box():
            return merge_boxes([v for v in values if isinstance(v, Box)])
        case Polygon():
            return merge_polygons([v for v in values if isinstance(v, Polygon)])
        case Mask():
            return merge_masks([v for v in values if isinstance(v, Mask)], by_staple=by_staple)
        case _:
            return values[0]


def merge_spans(spans: Sequence[Span], text: str | None) -> Span:
    """Boundary vote; without the text, the given span whose ends most chose."""
    starts, ends = Counter(s.start for s in spans), Counter(s.end for s in spans)
    start, end = _most(starts), _most(ends)
    for span in spans:
        if (span.start, span.end) == (start, end):
            return span
    if text is not None and start < end <= len(text):
        return Span(start, end, text[start:end])
    return min(spans, key=lambda s: (-starts[s.start] - ends[s.end], s.start, s.end))


def _most(chosen: Counter[int]) -> int:
    top = max(chosen.values())
    if sum(count == top for count in chosen.values()) == 1:
        return chosen.most_common(1)[0][0]
    return median_low(sorted(chosen.elements()))


def merge_boxes(boxes: Sequence[Box]) -> Box:
    """Median of each side."""
    left, top = median(b.x_px for b in boxes), median(b.y_px for b in boxes)
    right = median(b.x_px + b.width_px for b in boxes)
    bottom = median(b.y_px + b.height_px for b in boxes)
    return Box(left, top, right - left, bottom - top)


def merge_polygons(polygons: Sequence[Polygon]) -> Polygon:
    """What more than half of them cover."""
    needed = len(polygons) // 2 + 1
    # The k-th is what at least k of those seen so far cover.
    levels: list[shapely.Geometry] = [shapely.MultiPolygon()] * (needed + 1)
    for polygon in polygons:
        area = region(polygon)
        for k in range(needed, 1, -1):
            levels[k] = shapely.union(levels[k], shapely.intersection(levels[k - 1], area))
        levels[1] = shapely.union(levels[1], area)
    parts = [p for p in shapely.get_parts(levels[needed]) if p.geom_type == "Polygon" and p.area > 0]
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    if not rings:
        raise VotesInvalid("The polygons have no area that most of them cover.")
    return Polygon(tuple(tuple(shapely.get_coordinates(ring)[:-1].ravel().tolist()) for ring in rings))


def merge_masks(masks: Sequence[Mask], *, by_staple: bool = False) -> Mask:
    """Pixels in more than half of them, or likelier in than out by STAPLE."""
    height, width = masks[0].height_px, masks[0].width_px
    if any((m.height_px, m.width_px) != (height, width) for m in masks):
        raise VotesInvalid("The masks are of pictures of different sizes.")
    boxes = [box for mask in masks if (box := rle.bounds(mask)) is not None]
    if not boxes:
        return masks[0]
    left, top = (int(min(v)) for v in zip(*((b.x_px, b.y_px) for b in boxes), strict=True))
    right = int(max(b.x_px + b.width_px for b in boxes))
    bottom = int(max(b.y_px + b.height_px for b in boxes))
    if (right - left) * (bottom - top) * len(masks) > MAX_WINDOW_PX or height * width > rle.MAX_PIXELS:
        raise VotesInvalid("The masks are too large to be merged.")
    stack = np.stack([rle.to_bitmap(mask)[top:bottom, left:right] for mask in masks])
    agreed: NDArray[np.bool_] = staple(stack) > 0.5 if by_staple else 2 * stack.sum(axis=0) > len(masks)
    return rle.encode_at(agreed, left, top, height, width)
