"""Corrections of annotations that rules found fault with, as pure functions.

Each gives None where there is nothing that it may safely do: that is for a person. All raise AnnotationInvalid for
shapes that cannot be measured.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from labels import geometry, rle
from labels.correction import CorrectionOp, Delete, Resize
from labels.label import MAX_RING_VALUES, MAX_RINGS, Annotation, Box, Mask, Polygon, Span
from qa_engine.components import MAX_WINDOW
from qa_engine.rule import Context


def drop(annotation: Annotation, context: Context) -> CorrectionOp | None:
    """Delete what is said already."""
    return Delete(annotation.id)


def trim(annotation: Annotation, unwanted: Callable[[str], bool]) -> CorrectionOp | None:
    """A span without the unwanted characters at its ends; None where nothing would be left."""
    span = annotation.value
    if not isinstance(span, Span):
        return None
    start, end = 0, len(span.text)
    while start < end and unwanted(span.text[start]):
        start += 1
    while end > start and unwanted(span.text[end - 1]):
        end -= 1
    if start == end:
        return None
    return _resize(annotation, Span(span.start + start, span.start + end, span.text[start:end]))


def clip(annotation: Annotation, context: Context) -> CorrectionOp | None:
    """A box or polygon cut off at the picture's edges; None where nothing of it lies inside, or the size is unknown."""
    width, height = context.subject.asset.width_px, context.subject.asset.height_px
    shape = annotation.value
    if not width or not height:
        return None
    if isinstance(shape, Box):
        left, top = max(shape.x_px, 0.0), max(shape.y_px, 0.0)
        right = min(shape.x_px + shape.width_px, float(width))
        bottom = min(shape.y_px + shape.height_px, float(height))
        if right <= left or bottom <= top:
            return None
        return _resize(annotation, Box(left, top, right - left, bottom - top))
    if isinstance(shape, Polygon):
        inside = shapely.intersection(geometry.region(shape), shapely.box(0, 0, width, height))
        return _outlined(annotation, shapely.get_parts(inside))
    return None


def untangle(annotation: Annotation, context: Context) -> CorrectionOp | None:
    """A polygon whose rings do not cross, around the same area by the even-odd rule."""
    if not isinstance(annotation.value, Polygon):
        return None
    return _outlined(annotation, shapely.get_parts(geometry.region(annotation.value)))


def without_crumbs(annotation: Annotation, least_px: float) -> CorrectionOp | None:
    """A shape without its parts of less than `least_px` square pixels; None where no part is larger."""
    shape = annotation.value
    if isinstance(shape, Polygon):
        parts = shapely.get_parts(geometry.region(shape))
        return _outlined(annotation, [part for part in parts if part.area >= least_px])
    if isinstance(shape, Mask) and shape.height_px * shape.width_px <= MAX_WINDOW:
        bitmap = rle.to_bitmap(shape)
        kept = _pieces(bitmap, 8, lambda area, _: area >= least_px)
        return _resize(annotation, rle.encode(bitmap & kept)) if kept.any() else None
    return None


def without_pinholes(annotation: Annotation, least_px: float) -> CorrectionOp | None:
    """A shape whose holes of less than `least_px` square pixels are filled."""
    shape = annotation.value
    if isinstance(shape, Polygon):
        filled = [
            shapely.Polygon(
                part.exterior, [hole for hole in part.interiors if shapely.Polygon(hole).area >= least_px]
            )
            for part in shapely.get_parts(geometry.region(shape))
        ]
        return _outlined(annotation, filled)
    if isinstance(shape, Mask) and shape.height_px * shape.width_px <= MAX_WINDOW:
        bitmap = rle.to_bitmap(shape)
        holes = _pieces(~bitmap, 4, lambda area, edge: (area < least_px) & ~edge)
        return _resize(annotation, rle.encode(bitmap | holes))
    return None


def _pieces(
    bitmap: rle.Bitmap,
    connectivity: int,
    wanted: Callable[[NDArray[np.int64], NDArray[np.bool_]], NDArray[np.bool_]],
) -> rle.Bitmap:
    """The connected pieces of an array H x W that are wanted, by their areas and whether they touch its edge."""
    pixels = np.ascontiguousarray(bitmap).view(np.uint8)
    _, owner, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=connectivity)
    height, width = bitmap.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    edge = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    keep = wanted(stats[:, cv2.CC_STAT_AREA].astype(np.int64), edge)
    # Piece 0 is what is not in the array.
    keep[0] = False
    found: rle.Bitmap = keep[owner]
    return found


def _outlined(annotation: Annotation, parts: Iterable[shapely.Geometry]) -> CorrectionOp | None:
    """A polygon of these parts with their holes; None where nothing is left or there are too many rings."""
    rings = []
    for part in parts:
        if isinstance(part, shapely.Polygon) and part.area > 0:
            rings += [part.exterior, *part.interiors]
    flat = tuple(tuple(shapely.get_coordinates(ring)[:-1].ravel().tolist()) for ring in rings)
    if not flat or len(flat) > MAX_RINGS or max(map(len, flat)) > MAX_RING_VALUES:
        return None
    return _resize(annotation, Polygon(flat))


def _resize(annotation: Annotation, value: Box | Polygon | Mask | Span) -> CorrectionOp | None:
    return None if value == annotation.value else Resize(annotation.id, value)
