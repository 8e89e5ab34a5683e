"""Masks as COCO run lengths.

Pixels are counted column by column; runs alternate between zeros and ones and begin with zeros. The
compressed form is that of pycocotools: from the fourth run on the difference to the run before the last, in
groups of five bits, lowest first, bit 5 set where another follows, bit 4 of the last carrying the sign, 48
added to be ASCII. pycocotools writes this form here but does not read it: it trusts what it is given and
reads past its memory.
"""

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from labels.errors import AnnotationInvalid
from labels.label import Box, Mask

MAX_PIXELS = 1 << 28
"""Pixels of the largest mask that is written out, 16,384 x 16,384."""
_MAX_GROUPS = 7
_MORE = 0x20
_SIGN = 0x10

Runs = NDArray[np.int64]
Bitmap = NDArray[np.bool_]


def decode(mask: Mask) -> Runs:
    """Lengths of the runs in pixels, zeros first; they sum to height x width. Raises AnnotationInvalid."""
    runs = _accumulate(_numbers(mask.counts))
    if (runs < 0).any() or int(runs.sum()) != mask.height_px * mask.width_px:
        raise AnnotationInvalid("The mask's run lengths do not fill its picture.")
    return runs


def _numbers(counts: bytes) -> Runs:
    """The signed numbers that the characters stand for."""
    bits = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    if not len(bits) or bits.min() < 0 or bits.max() > 63 or bits[-1] & _MORE:
        raise AnnotationInvalid("The mask's run lengths are not in COCO's compressed form.")
    ends = np.flatnonzero(bits & _MORE == 0)
    starts = np.append(0, ends[:-1] + 1)
    sizes = ends - starts + 1
    if sizes.max() > _MAX_GROUPS:
        raise AnnotationInvalid("A run length of the mask is too long.")
    place = 5 * (np.arange(len(bits)) - np.repeat(starts, sizes))
    numbers: Runs = np.add.reduceat((bits & 0x1F) << place, starts)
    return np.where(bits[ends] & _SIGN, numbers - (np.int64(1) << 5 * sizes), numbers)


def _accumulate(numbers: Runs) -> Runs:
    """Undo the differences: from the fourth on each number is relative to the one before the last."""
    runs = numbers.copy()
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    return runs


def area(mask: Mask) -> int:
    """Number of pixels in the mask. Raises AnnotationInvalid."""
    return int(decode(mask)[1::2].sum())


def bounds(mask: Mask) -> Box | None:
    """Smallest box around the mask's pixels, None when there are none. Raises AnnotationInvalid."""
    runs = decode(mask)
    ends = np.cumsum(runs)[1::2]
    first, last = ends - runs[1::2], ends - 1
    full = last >= first
    if not full.any():
        return None
    (left, top), (right, bottom) = (np.divmod(at[full], mask.height_px) for at in (first, last))
    # A run that goes on into the next column reaches the picture's lower and upper edge.
    wraps = bool((right > left).any())
    y0 = 0 if wraps else int(top.min())
    y1 = mask.height_px if wraps else int(bottom.max()) + 1
    x0, x1 = int(left.min()), int(right.max()) + 1
    return Box(float(x0), float(y0), float(x1 - x0), float(y1 - y0))


def to_bitmap(mask: Mask) -> Bitmap:
    """Boolean array H x W, of at most MAX_PIXELS. Raises AnnotationInvalid."""
    check_pixels(mask.height_px, mask.width_px)
    runs = decode(mask)
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(mask.width_px, mask.height_px)
    return columns.T


def encode(bitmap: Bitmap) -> Mask:
    """The mask of a boolean array H x W, of 1 to MAX_PIXELS. Raises AnnotationInvalid."""
    height_px, width_px = bitmap.shape
    check_pixels(height_px, width_px)
    counts = coco.encode(np.asfortranarray(bitmap, dtype=np.uint8))["counts"]
    return Mask(height_px, width_px, counts)


def encode_at(bitmap: Bitmap, x_px: int, y_px: int, height_px: int, width_px: int) -> Mask:
    """The mask H x W that is false but for `bitmap`, which lies inside it with its top left corner at (x_px, y_px).

    Costs what the bitmap costs, however large the picture. Raises AnnotationInvalid.
    """
    check_pixels(height_px, width_px)
    inner_h, inner_w = bitmap.shape
    # Each column between two zeros: a step up begins a run, a step down ends it.
    columns = np.zeros((inner_w, inner_h + 2), dtype=np.int8)
    columns[:, 1:-1] = bitmap.T
    steps = np.diff(columns, axis=1)
    first = np.arange(x_px, x_px + inner_w)[:, None] * height_px + y_px
    at = first + np.arange(inner_h + 1)
    starts, ends = at[steps == 1], at[steps == -1]
    # A run that reaches a picture's lower edge may go on at the upper edge of the next column.
    apart = ends[:-1] != starts[1:]
    begins, finishes = np.ones(len(starts), dtype=bool), np.ones(len(ends), dtype=bool)
    begins[1:], finishes[:-1] = apart, apart
    edges = np.stack((starts[begins], ends[finishes]), axis=1).ravel()
    runs = np.diff(edges, prepend=0, append=height_px * width_px)
    if len(runs) > 1 and not runs[-1]:
        runs = runs[:-1]
    counts = coco.frPyObjects({"counts": runs.tolist(), "size": [height_px, width_px]}, height_px, width_px)
    return Mask(height_px, width_px, counts["counts"])


def check_pixels(height_px: int, width_px: int) -> None:
    """Raise AnnotationInvalid unless a picture of that size may be written out."""
    if height_px < 1 or width_px < 1 or height_px * width_px > MAX_PIXELS:
        raise AnnotationInvalid(f"A mask may have 1 to {MAX_PIXELS:,} pixels.")
