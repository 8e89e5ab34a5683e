"""The pixels of a picture that a shape covers."""

import math

import numpy as np

from labels import rle, shapes
from labels.geometry import points
from labels.label import Box, Mask, Polygon
from qa_engine.errors import ShapeUnreadable
from qa_engine.picture import Picture, Pixels

MAX_CROSSINGS = 50_000_000
"""Most crossings of a polygon's edges with rows of pixels."""


def inside(picture: Picture, shape: Box | Polygon | Mask) -> Pixels:
    """RGB of the pixels whose centres are inside the shape, N x 3; what is beyond the picture is left out.

    Raises ShapeUnreadable for a mask of another size than the picture and for a polygon with too long edges, and
    AnnotationInvalid for a malformed mask.
    """
    if isinstance(shape, Mask):
        if (shape.height_px, shape.width_px) != (picture.height_px, picture.width_px):
            raise ShapeUnreadable
        return picture.pixels[rle.to_bitmap(shape)]
    if isinstance(shape, Box):
        edges = (shape.x_px, shape.y_px, shape.x_px + shape.width_px, shape.y_px + shape.height_px)
        if not all(map(math.isfinite, edges)):
            raise ShapeUnreadable
        # The first pixel whose centre is at or behind the edge.
        left, top, right, bottom = (
            int(np.clip(math.ceil(edge - 0.5), 0, side))
            for edge, side in zip(edges, (picture.width_px, picture.height_px) * 2, strict=True)
        )
        return picture.pixels[top:bottom, left:right].reshape(-1, 3)
    return _inside_polygon(picture, shape)


def _inside_polygon(picture: Picture, polygon: Polygon) -> Pixels:
    rings = [points(ring) for ring in polygon.rings if len(ring) % 2 == 0 and len(ring) >= 6]
    if not rings:
        return picture.pixels[:0, 0]
    every = np.concatenate(rings)
    if not np.isfinite(every).all() or np.abs(every).max() > 1e6:
        raise ShapeUnreadable
    sides = (picture.width_px, picture.height_px)
    left, top = (
        int(np.clip(edge, 0, side)) for edge, side in zip(np.floor(every.min(axis=0)), sides, strict=True)
    )
    right, bottom = (
        int(np.clip(edge, 0, side)) for edge, side in zip(np.ceil(every.max(axis=0)), sides, strict=True)
    )
    if right <= left or bottom <= top:
        return picture.pixels[:0, 0]
    if sum(np.abs(np.diff(np.clip(ring[:, 1], top, bottom))).sum() for ring in rings) > MAX_CROSSINGS:
        raise ShapeUnreadable
    # Only the window around the polygon is drawn.
    moved = Polygon(tuple(tuple((ring - (left, top)).ravel().tolist()) for ring in rings))
    return picture.pixels[top:bottom, left:right][shapes.rasterise(moved, bottom - top, right - left)]
