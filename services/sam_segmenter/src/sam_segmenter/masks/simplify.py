"""Polygons with few corners, and what that costs: the IoU is measured on pixels, not guessed from a distance.

Corners are dropped by Douglas and Peucker's rule; the distance that it takes is searched for, so that callers name what
they care about, the loss.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from labels import geometry, shapes
from labels.errors import AnnotationInvalid
from labels.geometry import Floats
from labels.label import MAX_RING_VALUES, MAX_RINGS, Polygon
from labels.rle import Bitmap
from sam_segmenter.errors import OptionInvalid

MAX_LOSS = 0.5
# Rings that cross more rows than this are left as they are: comparing them would take too much memory.
_MAX_CROSSINGS = 4_000_000
_STEPS = 14
# Distances that differ by less are not told apart.
_FINE = 1.08
_PAIRS = 1 << 21
_SMALLEST_PX = 0.05

Rings = Sequence[Floats]
Ends = NDArray[np.int64]
Floats32 = NDArray[np.float32]


def simplify(shape: Bitmap | Polygon, max_iou_loss: float) -> tuple[Polygon, float]:
    """A polygon of few corners, and 1 minus its IoU with the shape, at most `max_iou_loss` (0 to 0.5).

    The shape is a mask H x W, or a polygon, which stands for the pixels whose centres are inside; the polygon lies in
    the same coordinates. Every ring of the exact outline stays, as a ring of at least three corners, so no part and no
    hole is lost; edges do not cross where they did not cross before. With 0 every corner of a mask stays. Raises
    OptionInvalid, and AnnotationInvalid when the shape is an empty mask or has too many rings or corners.
    """
    if not 0 <= max_iou_loss <= MAX_LOSS:
        raise OptionInvalid
    if isinstance(shape, Polygon):
        return _simplified(shape, max_iou_loss, outline=False)
    return _simplified(_outline(shape), max_iou_loss, outline=True)


def _outline(bitmap: Bitmap) -> Polygon:
    rings = shapes.outlines(bitmap)
    if not rings:
        raise AnnotationInvalid("An empty mask has no outline.")
    if len(rings) > MAX_RINGS or max(map(len, rings)) > MAX_RING_VALUES:
        raise AnnotationInvalid(f"The mask's outline needs more than {MAX_RINGS:,} rings, or too long ones.")
    return Polygon(rings)


def _simplified(exact: Polygon, max_loss: float, *, outline: bool) -> tuple[Polygon, float]:
    rings = [geometry.points(ring) for ring in exact.rings if len(ring) >= 6]
    if not max_loss or not rings or _crossed(rings)[3].sum() > _MAX_CROSSINGS:
        return exact, 0.0
    # Whole pixels are taken off, so that the arithmetic stays that of the picture.
    origin = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0))
    near = [ring - origin for ring in rings]
    # Outlines of masks never cross; what was tangled before may stay so.
    few, loss = _search(near, max_loss, untangled=outline or not _cross(near))
    if few is None:
        return exact, 0.0
    return Polygon(tuple(tuple((ring + origin).ravel().tolist()) for ring in few)), loss


def _search(rings: Rings, max_loss: float, *, untangled: bool) -> tuple[Rings | None, float]:
    """The fewest corners found within the loss; None when no corner can go."""
    width = int(np.ceil(max(ring[:, 0].max() for ring in rings))) + 1
    target = _run_ends(rings, width)
    area = _area(target)
    if not area:
        return None, 0.0
    best: tuple[Rings | None, float] = (None, 0.0)
    fewest = sum(map(len, rings))
    low, high = 0.0, np.inf
    distance = max(0.35, 2 * max_loss * area / _length(rings))
    for _ in range(_STEPS):
        few = [_fewer(ring, distance) for ring in rings]
        loss = _loss(target, area, _run_ends(few, width))
        if loss <= max_loss and not (untangled and _cross(few)):
            low = distance
            if sum(map(len, few)) < fewest:
                fewest, best = sum(map(len, few)), (few, loss)
        else:
            high = distance
        if high < _SMALLEST_PX or high < low * _FINE:
            break
        distance = low * 2 if high == np.inf else np.sqrt(low * high) if low else high / 2
    return best


def _fewer(ring: Floats, distance: float) -> Floats:
    """Some of the ring's corners, at least three, so that none of it is further off than the distance in pixels."""
    corners = ring.astype(np.float32).reshape(-1, 1, 2)
    while True:
        few: Floats32 = np.asarray(cv2.approxPolyDP(corners, distance, closed=True), np.float32).reshape(
            -1, 2
        )
        # A ring that would collapse is small beside the others: it is held to less.
        if len(few) >= 3:
            return ring[_places(corners.reshape(-1, 2), few)]
        if distance < _SMALLEST_PX:
            return ring
        distance /= 2


def _places(corners: Floats32, few: Floats32) -> NDArray[np.intp]:
    """Where each of the few stands among the corners: OpenCV gives them back in single precision only."""
    every, some = (np.ascontiguousarray(xy).view(np.int64).ravel() for xy in (corners, few))
    order = np.argsort(every)
    places: NDArray[np.intp] = order[np.searchsorted(every, some, sorter=order)]
    return places


def _edges(rings: Rings) -> tuple[Floats, Floats]:
    """Where the edges of all rings start and end, n x 2 each."""
    xy = np.concatenate(rings)
    last = np.cumsum([len(ring) for ring in rings]) - 1
    after = np.roll(xy, -1, axis=0)
    after[last] = xy[np.append(0, last[:-1] + 1)]
    return xy, after


def _length(rings: Rings) -> float:
    starts, ends = _edges(rings)
    return float(np.hypot(*(ends - starts).T).sum())


def _crossed(rings: Rings) -> tuple[Floats, Floats, Ends, Ends]:
    """Of each edge its upper and its lower end, the first row of centres that it crosses, and how many it does."""
    starts, ends = _edges(rings)
    down = (starts[:, 1] <= ends[:, 1])[:, None]
    upper, lower = np.where(down, starts, ends), np.where(down, ends, starts)
    first = np.ceil(upper[:, 1] - 0.5).astype(np.int64)
    return upper, lower, first, np.ceil(lower[:, 1] - 0.5).astype(np.int64) - first


def _run_ends(rings: Rings, width: int) -> Ends:
    """Where runs of pixels begin and end, as row * width + column, in order, by the rule of `labels.shapes`.

    Two by two they are the runs of the even-odd inside; those of two shapes together are the runs of what
    only one of them covers. That costs what the outlines cost, however many pixels are inside.
    """
    upper, lower, first, count = _crossed(rings)
    edge = np.repeat(np.arange(len(count)), count)
    y = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    share = (y + 0.5 - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
    x = upper[edge, 0] + share * (lower[edge, 0] - upper[edge, 0])
    ends: Ends = np.sort(y * width + np.ceil(x - 0.5).astype(np.int64))
    return ends


def _area(ends: Ends) -> int:
    return int((ends[1::2] - ends[0::2]).sum())


def _loss(target: Ends, target_area: int, ends: Ends) -> float:
    """1 minus the IoU: the pixels that one of the two covers, of those that any covers."""
    # Two sorted lists one after the other are what a stable sort merges in one pass.
    one = _area(np.sort(np.concatenate((target, ends)), kind="stable"))
    return 2 * one / (target_area + _area(ends) + one)


def _cross(rings: Rings) -> bool:
    """Whether any two edges cross; an end on another edge is no crossing."""
    starts, ends = _edges(rings)
    lines = shapely.linestrings(np.stack((starts, ends), axis=1))
    tree = shapely.STRtree(lines)
    # In pieces, as there may be n x n crossings; one is enough.
    step = max(1, _PAIRS // len(lines))
    for at in range(0, len(lines), step):
        one, other = tree.query(lines[at : at + step])
        one, other = one[one + at < other] + at, other[one + at < other]
        apart = _sides(starts[one], ends[one], starts[other], ends[other])
        if (apart & _sides(starts[other], ends[other], starts[one], ends[one])).any():
            return True
    return False


def _sides(a: Floats, b: Floats, c: Floats, d: Floats) -> NDArray[np.bool_]:
    """Whether c and d lie on different sides of the lines through a and b, and neither on them."""
    sides: NDArray[np.bool_] = _turn(a, b, c) * _turn(a, b, d) < 0
    return sides


def _turn(a: Floats, b: Floats, c: Floats) -> Floats:
    ab, ac = b - a, c - a
    turn: Floats = np.sign(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    return turn
