"""How far shapes overlap: intersection over union, 0 to 1, of all pairs that touch."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from pycocotools import mask as coco

from labels import rle
from labels.geometry import region
from labels.label import Box, Mask, Polygon, Span, Value
from qa_engine.consensus.votes import Floats, Indices
from qa_engine.errors import VotesInvalid

MAX_SHAPES = 20_000
"""Of one tool, in all answers to one asset."""
MAX_MASKS = 2_000
Pairs = tuple[Indices, Indices, Floats]


def overlaps(values: Sequence[Value]) -> Pairs:
    """First place, second place, IoU of the pairs that touch, first < second; all values are of one kind.

    Spans count code points, boxes and polygons area in pixels, masks pixels. Raises VotesInvalid when there are too
    many, and AnnotationInvalid for a value that is not sound.
    """
    masks = [value for value in values if isinstance(value, Mask)]
    if len(values) > (MAX_MASKS if masks else MAX_SHAPES):
        raise VotesInvalid("There are too many shapes in the answers to compare them.")
    return _of_masks(masks) if masks else _of_regions(regions(values))


def regions(values: Sequence[Value]) -> NDArray[np.object_]:
    """Spans, boxes and polygons as areas; a span is a strip of height 1."""
    return np.asarray([_region(value) for value in values], dtype=object)


def _region(value: Value) -> shapely.Geometry:
    match value:
        case Span(start, end):
            return shapely.box(start, 0, end, 1)
        case Box(x, y, width, height):
            return shapely.box(x, y, x + width, y + height)
        case Polygon():
            return region(value)
        case _:
            raise VotesInvalid("A value of this kind covers no area.")


def _of_regions(shapes: NDArray[np.object_]) -> Pairs:
    if not len(shapes):
        return _NONE
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    areas = shapely.area(shapes)
    union = areas[one] + areas[other] - shared
    found = shared > 0
    return one[found], other[found], shared[found] / union[found]


def _of_masks(masks: Sequence[Mask]) -> Pairs:
    for mask in masks:
        # pycocotools trusts what it reads, so only what has been read here is given to it.
        rle.decode(mask)
    runs = [{"size": [m.height_px, m.width_px], "counts": m.counts} for m in masks]
    ious = np.triu(np.asarray(coco.iou(runs, runs, [0] * len(runs)), dtype=np.float64), 1)
    one, other = np.nonzero(ious > 0)
    return one, other, ious[one, other]


_NONE: Pairs = (np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros(0))
