"""How sharp a picture is, place by place, measured when it is encoded and kept with its embedding."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sam_segmenter.frame import LOGITS_PX, SIDE_PX, Bitmap, Pixels

CELLS = 64
BYTES = 2 * CELLS * CELLS
_CELL_PX = SIDE_PX // CELLS


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Standard deviation of the Laplacian of the grey picture in cells of 16 x 16 pixels of the model's square.

    `cells` is 64 x 64 in half precision, in grey levels of 0 to 255.
    """

    cells: NDArray[np.float16]

    def inside(self, mask: Bitmap) -> float:
        """Root mean square over the cells that a mask 256 x 256 touches, 0 of an empty one."""
        step = LOGITS_PX // CELLS
        touched = mask.reshape(CELLS, step, CELLS, step).any(axis=(1, 3))
        if not touched.any():
            return 0.0
        return float(np.sqrt(np.mean(np.square(self.cells[touched].astype(np.float64)))))


def measure(square: Pixels) -> Sharpness:
    """The sharpness of a picture in the model's square, 1024 x 1024 x 3."""
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    cells = edges.reshape(CELLS, _CELL_PX, CELLS, _CELL_PX)
    return Sharpness(cells.std(axis=(1, 3)).astype(np.float16))
