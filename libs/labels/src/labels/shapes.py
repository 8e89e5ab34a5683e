"""Polygons to masks and back, and measures of both.

One convention: the pixel in column x and row y is the square from (x, y) to (x + 1, y + 1), and it belongs
to a shape when its centre (x + 0.5, y + 0.5) is inside by the even-odd rule; a centre exactly on an edge
belongs to the shape on its right, or below it. Outlines of masks run along the pixels' edges, so mask ->
polygon -> mask changes nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from labels import geometry, rle
from labels.errors import AnnotationInvalid
from labels.label import MAX_RING_VALUES, MAX_RINGS, Box, Mask, Polygon
from labels.rle import Bitmap

MAX_CORNERS = 1_000_000
_CHUNK = 1 << 22
# A lattice point's four pixels as bits: upper left 1, upper right 2, lower left 4, lower right 8.
_AROUND = np.arange(16, dtype=np.uint8)
_TOUCH_DOWN, _TOUCH_UP = 9, 6
_TURNS = np.isin(_AROUND, (1, 2, 4, 8, 7, 11, 13, 14, _TOUCH_DOWN, _TOUCH_UP))
_LEFT = (_AROUND & 1 != 0) != (_AROUND & 4 != 0)
# At a touch the corner that ends the left edge belongs to the pixel on the left, which is above only in 9.
_UP = np.where(_AROUND == _TOUCH_UP, False, (_AROUND & 1 != 0) != (_AROUND & 2 != 0))
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Measure:
    """Size of a shape in original pixels; a mask's parts are 8-connected; `bounds` is None when empty."""

    area_px: float
    parts: int
    holes: int
    bounds: Box | None


def measure(shape: Mask | Polygon) -> Measure:
    """Measure a mask by its pixels or a polygon by the even-odd rule. Raises AnnotationInvalid."""
    return _measure_mask(shape) if isinstance(shape, Mask) else _measure_polygon(shape)


def _measure_mask(mask: Mask) -> Measure:
    bitmap = np.pad(rle.to_bitmap(mask), 1).view(np.uint8)
    parts, _ = cv2.connectedComponents(bitmap, connectivity=8)
    # Zeros are joined by their edges only, or a hole would leak out between two pixels that touch at a
    # corner.
    grounds, _ = cv2.connectedComponents(1 - bitmap, connectivity=4)
    return Measure(float(np.count_nonzero(bitmap)), parts - 1, grounds - 2, rle.bounds(mask))


def _measure_polygon(polygon: Polygon) -> Measure:
    region = geometry.region(polygon)
    if region.is_empty:
        return Measure(0.0, 0, 0, None)
    parts = shapely.get_parts(region)
    x0, y0, x1, y1 = region.bounds
    holes = int(shapely.get_num_interior_rings(parts).sum())
    return Measure(geometry.area(polygon), len(parts), holes, Box(x0, y0, x1 - x0, y1 - y0))


def mask_to_polygon(mask: Mask) -> Polygon:
    """The outlines of all parts and holes of a mask, with a point at every corner.

    Raises AnnotationInvalid when the mask is empty, malformed, or has more outlines than a polygon may have
    rings.
    """
    rings = outlines(rle.to_bitmap(mask))
    if not rings:
        raise AnnotationInvalid("An empty mask has no outline.")
    if len(rings) > MAX_RINGS or max(map(len, rings)) > MAX_RING_VALUES:
        raise AnnotationInvalid(f"The mask's outline needs more than {MAX_RINGS:,} rings, or too long ones.")
    return Polygon(rings)


def polygon_to_mask(polygon: Polygon, height_px: int, width_px: int) -> Mask:
    """The pixels whose centres are inside the polygon; what lies outside of the picture is cut off.

    Raises AnnotationInvalid for a picture of more than `rle.MAX_PIXELS`.
    """
    return rle.encode(rasterise(polygon, height_px, width_px))


def rasterise(polygon: Polygon, height_px: int, width_px: int) -> Bitmap:
    """Boolean array H x W of the pixels whose centres are inside the polygon."""
    rle.check_pixels(height_px, width_px)
    # Each crossing of an edge with a row of centres flips the first centre right of it; a running sum along
    # the row then counts crossings. Bytes may wrap around: 256 is even, and only odd or even matters.
    flips = np.zeros((height_px, width_px + 1), dtype=np.uint8)
    for ring in polygon.rings:
        xy = geometry.points(ring)
        if len(xy) >= 3:
            _flip(flips, xy)
    bitmap: Bitmap = (np.cumsum(flips[:, :-1], axis=1, dtype=np.uint8) & 1).view(np.bool_)
    return bitmap


def _flip(flips: NDArray[np.uint8], xy: geometry.Floats) -> None:
    height_px, width_px = flips.shape[0], flips.shape[1] - 1
    after = np.roll(xy, -1, axis=0)
    down = (xy[:, 1] <= after[:, 1])[:, None]
    upper, lower = np.where(down, xy, after), np.where(down, after, xy)
    # Rows whose centre y + 0.5 is in the half-open range upper y <= centre < lower y.
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height_px).astype(np.intp)
    rows = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height_px).astype(np.intp) - first
    crossed = np.flatnonzero(rows)
    for some in np.split(crossed, np.flatnonzero(np.diff(np.cumsum(rows[crossed]) // _CHUNK)) + 1):
        of = np.repeat(some, rows[some])
        step = np.arange(len(of)) - np.repeat(np.cumsum(rows[some]) - rows[some], rows[some])
        y = first[of] + step
        share = (y + 0.5 - upper[of, 1]) / (lower[of, 1] - upper[of, 1])
        x = upper[of, 0] + share * (lower[of, 0] - upper[of, 0])
        column = np.clip(np.ceil(x - 0.5), 0, width_px).astype(np.intp)
        np.add.at(flips, (y, column), 1)


def outlines(bitmap: Bitmap) -> tuple[tuple[float, ...], ...]:
    """Rings along the pixels' edges around all parts and holes of an array H x W, with a point at every
    corner.

    Where pixels touch only at a corner, each has a ring of its own there, so no two edges cross. Raises
    AnnotationInvalid for more than MAX_CORNERS.
    """
    x, y, leftwards, upwards = _corners(bitmap)
    if len(x) > MAX_CORNERS:
        raise AnnotationInvalid(f"The mask's outline has more than {MAX_CORNERS:,} corners.")
    # Corners in a row are alternately the left and the right end of an edge, those in a column its upper
    # and lower.
    across = _partners(np.lexsort((~leftwards, x, y)))
    along = _partners(np.lexsort((~upwards, y, x)))
    xy = np.stack((x, y), axis=1).astype(float).tolist()
    unseen = [True] * len(xy)
    rings = []
    for start in range(len(xy)):
        ring: list[float] = []
        at = start
        while unseen[at]:
            beside = across[at]
            unseen[at] = unseen[beside] = False
            ring += xy[at] + xy[beside]
            at = along[beside]
        if ring:
            rings.append(tuple(ring))
    return tuple(rings)


def _corners(bitmap: Bitmap) -> tuple[Ints, Ints, Bitmap, Bitmap]:
    """Where outlines turn: x, y, and whether its edges come from the left and from above."""
    padded = np.pad(bitmap, 1).view(np.uint8)
    around = padded[:-1, :-1] | padded[:-1, 1:] << 1 | padded[1:, :-1] << 2 | padded[1:, 1:] << 3
    y, x = np.nonzero(_TURNS[around])
    turns = around[y, x]
    touch = (turns == _TOUCH_DOWN) | (turns == _TOUCH_UP)
    leftwards, upwards = _LEFT[turns], _UP[turns]
    # Two pixels that touch make two corners: one ends the left edge, the other the right one.
    return (
        np.concatenate((x, x[touch])),
        np.concatenate((y, y[touch])),
        np.concatenate((leftwards, ~leftwards[touch])),
        np.concatenate((upwards, ~upwards[touch])),
    )


def _partners(order: Ints) -> list[int]:
    """The other end of each corner's edge, when ends follow each other in that order."""
    partners = np.empty_like(order)
    partners[order[0::2]], partners[order[1::2]] = order[1::2], order[0::2]
    found: list[int] = partners.tolist()
    return found
