"""Parts and holes of masks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labels import rle
from labels.label import Mask
from qa_engine.shapes import Shapes

MAX_WINDOW = 1 << 26
"""Most pixels of the box around a mask that is taken apart, 8,192 x 8,192."""


@dataclass(frozen=True, slots=True)
class Components:
    """Pixels of each 8-connected part of a mask, and of each hole in it."""

    part_px: NDArray[np.int64]
    hole_px: NDArray[np.int64]


def mask_components(shapes: Shapes, place: int) -> Components | None:
    """The parts and holes of the mask in that place, None when it is too large."""
    left, top, right, bottom = shapes.bounds[place].tolist()
    if np.isnan(left):
        return Components(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    mask = shapes.values[place]
    assert isinstance(mask, Mask)  # noqa: S101 - for the types
    if (right - left) * (bottom - top) > MAX_WINDOW or mask.height_px * mask.width_px > rle.MAX_PIXELS:
        return None
    window = rle.to_bitmap(mask)[int(top) : int(bottom), int(left) : int(right)]
    bitmap = np.pad(window, 1).view(np.uint8)
    parts = _sizes(bitmap, 8)
    # Zeros are joined by their edges only, or a hole would leak out between two pixels that touch at a corner.
    # The ground around the mask comes first, as it holds the upper left corner.
    return Components(parts, _sizes(1 - bitmap, 4)[1:])


def _sizes(bitmap: NDArray[np.uint8], connectivity: int) -> NDArray[np.int64]:
    _, _, statistics, _ = cv2.connectedComponentsWithStats(bitmap, connectivity=connectivity)
    sizes: NDArray[np.int64] = np.asarray(statistics[1:, cv2.CC_STAT_AREA], dtype=np.int64)
    return sizes
