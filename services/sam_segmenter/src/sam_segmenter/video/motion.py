"""How an object moved between two frames: from points that are found again, else from the place that looks like it.

Everything happens on the model's square: greys at half its side, masks at a quarter of it, as the decoder has them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sam_segmenter.frame import LOGITS_PX, SIDE_PX, Bitmap, Floats, Pixels

GREY_PX = SIDE_PX // 2
_RATIO = GREY_PX // LOGITS_PX
# Points to follow; fewer than the second say nothing of a turn, fewer than the third nothing at all. That most of them
# are lost means something from the last number on.
_MOST_POINTS, _FOR_SHAPE, _FOR_SHIFT, _TELLING = 200, 8, 3, 20
# A point followed there and back again must return to within this, pixels of the grey.
_RETURN_PX = 1.0
_MOST_SCALE = 1.3
_WINDOW_PX, _HALVINGS = (17, 17), 4
# Correlation, -1 to 1, from which on a place is believed to show the object, and the deviation of greys that takes.
_PEAK, _FLAT = 0.6, 3.0

Greys = NDArray[np.uint8]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the points of an object went: `matrix` 2 x 3 on the logits' grid.

    `kept` is the share of its points, 0 to 1, that were found again and moved alike; None when they were too few.
    """

    matrix: Matrix
    kept: float | None

    def move(self, logits: Floats) -> Floats:
        """Logits 256 x 256 after the motion; what comes in over the edge is outside of the object."""
        low = float(logits.min())
        size = (LOGITS_PX, LOGITS_PX)
        moved = cv2.warpAffine(logits, self.matrix, size, flags=cv2.INTER_LINEAR, borderValue=(low,) * 4)
        return np.asarray(moved, dtype=np.float32)


def grey_of(square: Pixels) -> Greys:
    """The picture in the model's square, 1024 x 1024 x 3, as greys 512 x 512."""
    small = cv2.resize(square, (GREY_PX, GREY_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def between(before: Greys, after: Greys, mask: Bitmap, shift: tuple[float, float]) -> Motion:
    """How what `mask` (256 x 256) covers in `before` came to `after`.

    `shift` is where it should have gone, x and y in pixels of the logits' grid; it stands when nothing is found.
    """
    points, old, new = _followed(before, after, mask, shift)
    few = points < _TELLING
    if len(old) >= _FOR_SHAPE:
        found, fits = cv2.estimateAffinePartial2D(old, new, method=cv2.RANSAC, ransacReprojThreshold=2.0)
        matrix = None if found is None else np.asarray(found, dtype=np.float64)
        if matrix is not None and fits.sum() >= max(_FOR_SHAPE, 0.4 * len(old)) and _plausible(matrix):
            return Motion(_on_grid(matrix), None if few else int(fits.sum()) / points)
    if len(old) >= _FOR_SHIFT and few:
        return Motion(_on_grid(_shifted(np.median(new - old, axis=0))), None)
    by = _matched(before, after, mask, shift)
    if by is None:
        by = np.asarray(shift) * _RATIO
    return Motion(_on_grid(_shifted(by)), None if few else 0.0)


def _followed(
    before: Greys, after: Greys, mask: Bitmap, shift: tuple[float, float]
) -> tuple[int, Floats, Floats]:
    """Number of points on the object; those found again, n x 2 in pixels of the grey, and where they went."""
    inside = cv2.resize(mask.astype(np.uint8), (GREY_PX, GREY_PX), interpolation=cv2.INTER_NEAREST)
    old = cv2.goodFeaturesToTrack(before, _MOST_POINTS, 0.01, 4, mask=inside)
    if old is None:
        return 0, np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    old = np.asarray(old, dtype=np.float32).reshape(-1, 1, 2)
    guess = old + np.asarray(shift, dtype=np.float32) * _RATIO
    new, there = _flow(before, after, old, guess)
    back, home = _flow(after, before, new, old.copy())
    good = there & home & (np.linalg.norm(back - old, axis=2).ravel() < _RETURN_PX)
    return len(old), old[good, 0], new[good, 0]


def _flow(before: Greys, after: Greys, points: Floats, guess: Floats) -> tuple[Floats, Bitmap]:
    """Where points n x 1 x 2 went, begun from a guess, and which of them were found again."""
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    new, there, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, guess, None, None, winSize=_WINDOW_PX, maxLevel=_HALVINGS, flags=flags
    )
    return np.asarray(new, dtype=np.float32), np.asarray(there).ravel() == 1


def _plausible(matrix: Matrix) -> bool:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return 1 / _MOST_SCALE < scale < _MOST_SCALE


def _matched(
    before: Greys, after: Greys, mask: Bitmap, shift: tuple[float, float]
) -> NDArray[np.float64] | None:
    """The shift, in pixels of the grey, of the place that looks most like the object; None when none does.

    It is looked for between where it was and where it should be, and around there.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    y0, y1 = rows[0] * _RATIO, (rows[-1] + 1) * _RATIO
    x0, x1 = columns[0] * _RATIO, (columns[-1] + 1) * _RATIO
    by_x, by_y = (round(step * _RATIO) for step in shift)
    margin = max(16, (y1 - y0) // 2, (x1 - x0) // 2)
    top, left = max(0, min(y0, y0 + by_y) - margin), max(0, min(x0, x0 + by_x) - margin)
    bottom, right = max(y1, y1 + by_y) + margin, max(x1, x1 + by_x) + margin
    window, pattern = after[top:bottom, left:right], before[y0:y1, x0:x1]
    inside = np.kron(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.ones((_RATIO, _RATIO)))
    fits = window.shape[0] >= pattern.shape[0] and window.shape[1] >= pattern.shape[1]
    if not fits or pattern[inside > 0].std() < _FLAT:
        return None
    likeness = cv2.matchTemplate(window, pattern, cv2.TM_CCOEFF_NORMED, mask=inside.astype(np.uint8))
    # Where the window is of one grey the quotient is no number.
    _, peak, _, at = cv2.minMaxLoc(np.where(np.abs(likeness) <= 1, likeness, -1))
    return np.asarray((left + at[0] - x0, top + at[1] - y0), np.float64) if peak > _PEAK else None


def _shifted(by: NDArray[np.floating]) -> Matrix:
    return np.asarray(((1, 0, by[0]), (0, 1, by[1])), dtype=np.float64)


def _on_grid(matrix: Matrix) -> Matrix:
    """From pixels of the grey to those of the logits: pixel i of the grey has its centre at (i + 0.5) / ratio - 0.5."""
    turn, by = matrix[:, :2], matrix[:, 2]
    half = (1 / _RATIO - 1) / 2
    shift = by / _RATIO + half - turn @ np.full(2, half)
    return np.column_stack((turn, shift))
