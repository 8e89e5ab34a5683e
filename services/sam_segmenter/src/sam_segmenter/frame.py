"""Between a picture's pixels and the model's square: scales, points and masks.

The encoder sees a square of SIDE_PX pixels that holds the picture, or a crop of it, with its longest side scaled to the
square's, in the upper left corner. The decoder answers with logits on a square of LOGITS_PX. A pixel is the square from
(x, y) to (x + 1, y + 1), as in `labels.shapes`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 1024
LOGITS_PX = 256
# Beyond the places where the logits are positive an interpolated value can be positive for one more logit.
_MARGIN = 2

Floats = NDArray[np.float32]
Bitmap = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture in whole pixels, from its top left corner."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int

    @property
    def scale(self) -> float:
        """Pixels of the model's square for one of the picture."""
        return SIDE_PX / max(self.width_px, self.height_px)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels that the region takes of the model's square."""
        return (
            max(1, int(self.height_px * self.scale + 0.5)),
            max(1, int(self.width_px * self.scale + 0.5)),
        )


def whole(height_px: int, width_px: int) -> Region:
    """All of a picture."""
    return Region(0, 0, width_px, height_px)


def to_square(pixels: Pixels, region: Region) -> Pixels:
    """The region of an RGB picture H x W x 3 in the model's square, 1024 x 1024 x 3; what it does not fill is black."""
    cut = pixels[region.y_px : region.y_px + region.height_px, region.x_px : region.x_px + region.width_px]
    height, width = region.input_size
    # Averaging over the area when shrinking, as the antialiased resize that the model was trained with does.
    way = cv2.INTER_AREA if region.scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    square[:height, :width] = cv2.resize(cut, (width, height), interpolation=way)
    return square


def to_model(xy_px: Floats, region: Region) -> Floats:
    """Points n x 2 of the picture on the model's square."""
    height, width = region.input_size
    origin = np.asarray((region.x_px, region.y_px), dtype=np.float32)
    return (xy_px - origin) * np.asarray((width / region.width_px, height / region.height_px), np.float32)


def to_logits(bitmap: Bitmap, region: Region) -> Floats:
    """A mask of the whole picture as logits 256 x 256 for the decoder: +10 inside, -10 outside, between on the edge."""
    cut = bitmap[region.y_px : region.y_px + region.height_px, region.x_px : region.x_px + region.width_px]
    height, width = (max(1, round(side * LOGITS_PX / SIDE_PX)) for side in region.input_size)
    share = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    logits = np.full((LOGITS_PX, LOGITS_PX), -10, dtype=np.float32)
    logits[:height, :width] = 20 * share - 10
    return logits


@dataclass(frozen=True, slots=True)
class Patch:
    """The part of a picture's mask that may be set: `bitmap` lies with its top left corner at (x_px, y_px)."""

    bitmap: Bitmap
    x_px: int
    y_px: int
    height_px: int
    width_px: int

    def full(self) -> Bitmap:
        """The mask of the whole picture, H x W."""
        mask = np.zeros((self.height_px, self.width_px), dtype=np.bool_)
        height, width = self.bitmap.shape
        mask[self.y_px : self.y_px + height, self.x_px : self.x_px + width] = self.bitmap
        return mask


def to_mask(logits: Floats, region: Region, height_px: int, width_px: int, threshold: float = 0.0) -> Patch:
    """Where logits 256 x 256, interpolated to the picture's pixels, are above the threshold.

    Only the rectangle that can hold such pixels is interpolated, so a small object in a large picture costs little.
    """
    window = _window(logits, region, threshold)
    if window is None:
        return Patch(np.zeros((0, 0), dtype=np.bool_), 0, 0, height_px, width_px)
    x, y, width, height = window
    inner_h, inner_w = region.input_size
    # Centre of pixel (i + 0.5) of the region falls on logit (i + 0.5) * input / region * LOGITS / SIDE - 0.5.
    sx = inner_w / region.width_px * LOGITS_PX / SIDE_PX
    sy = inner_h / region.height_px * LOGITS_PX / SIDE_PX
    way = np.asarray(
        ((sx, 0, (x + 0.5) * sx - 0.5), (0, sy, (y + 0.5) * sy - 0.5)),
        dtype=np.float64,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(logits, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Patch(fine > threshold, region.x_px + x, region.y_px + y, height_px, width_px)


def _window(logits: Floats, region: Region, threshold: float) -> tuple[int, int, int, int] | None:
    """x, y, width and height in the region's pixels of what may be above the threshold; None when nothing is."""
    inner_h, inner_w = (int(np.ceil(side * LOGITS_PX / SIDE_PX)) for side in region.input_size)
    above = logits[:inner_h, :inner_w] > threshold
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if not len(rows):
        return None
    step = SIDE_PX / LOGITS_PX
    height, width = region.input_size
    fx, fy = region.width_px / width * step, region.height_px / height * step
    x0 = max(0, int((columns[0] - _MARGIN) * fx))
    y0 = max(0, int((rows[0] - _MARGIN) * fy))
    x1 = min(region.width_px, int(np.ceil((columns[-1] + 1 + _MARGIN) * fx)))
    y1 = min(region.height_px, int(np.ceil((rows[-1] + 1 + _MARGIN) * fy)))
    return x0, y0, x1 - x0, y1 - y0
