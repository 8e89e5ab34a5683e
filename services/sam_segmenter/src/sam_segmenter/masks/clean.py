"""Small islands and holes in masks go, in that order, and then all but the largest part if that is wanted."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labels.rle import Bitmap
from sam_segmenter.errors import OptionInvalid


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is cleaned away; sizes are pixels of the picture, 0 leaves everything.

    Parts of fewer than `min_island_px` pixels go (8-connected), then holes of fewer than `max_hole_px` are filled
    (4-connected), then `keep_largest` leaves one part. Raises OptionInvalid for a negative size.
    """

    min_island_px: int = 0
    max_hole_px: int = 0
    keep_largest: bool = False

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.min_island_px < 0 or self.max_hole_px < 0:
            raise OptionInvalid


def clean(bitmap: Bitmap, cleaning: Cleaning) -> Bitmap:
    """The mask H x W, or a patch of it, cleaned; what came in stays as it is.

    Ground that reaches the edge of the array is no hole: it may go on outside.
    """
    if cleaning.min_island_px > 1:
        bitmap = _without_islands(bitmap, cleaning.min_island_px)
    if cleaning.max_hole_px > 1:
        bitmap = _without_holes(bitmap, cleaning.max_hole_px)
    if cleaning.keep_largest:
        bitmap = _largest(bitmap)
    return bitmap


def _without_islands(bitmap: Bitmap, min_px: int) -> Bitmap:
    labels, areas = _parts(bitmap, 8)
    keep = areas >= min_px
    if keep[1:].all():
        return bitmap
    keep[0] = False
    kept: Bitmap = keep[labels]
    return kept


def _without_holes(bitmap: Bitmap, max_px: int) -> Bitmap:
    labels, areas = _parts(~bitmap, 4)
    fill = areas < max_px
    fill[0] = False
    for edge in (labels[:1], labels[-1:], labels[:, :1], labels[:, -1:]):
        fill[edge] = False
    if not fill.any():
        return bitmap
    filled: Bitmap = bitmap | fill[labels]
    return filled


def _largest(bitmap: Bitmap) -> Bitmap:
    labels, areas = _parts(bitmap, 8)
    if len(areas) <= 2:
        return bitmap
    largest: Bitmap = labels == 1 + int(areas[1:].argmax())
    return largest


def _parts(bitmap: Bitmap, connectivity: int) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Number of each pixel's part, 0 outside of all, and the pixels of each part."""
    if not bitmap.size:
        return np.zeros(bitmap.shape, dtype=np.int32), np.zeros(1, dtype=np.intp)
    pixels = np.ascontiguousarray(bitmap).view(np.uint8)
    # OpenCV's own statistics come from a slower way through the pixels than labels and a count of them.
    count, labels = cv2.connectedComponents(pixels, connectivity=connectivity, ltype=cv2.CV_32S)
    return labels.astype(np.int32, copy=False), np.bincount(labels.ravel(), minlength=count)
