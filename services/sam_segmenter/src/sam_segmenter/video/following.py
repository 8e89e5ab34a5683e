"""One object from frame to frame with Segment Anything's first generation: what is known, what to ask, what to believe.

Pure functions. The mask of the last frame is moved, the decoder is asked about the moved mask, and its answer is taken
when it agrees with what it was asked about.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sam_segmenter.decoder import Decoded, ModelPrompt
from sam_segmenter.frame import LOGITS_PX, SIDE_PX, Bitmap, Floats, Pixels, Region
from sam_segmenter.video import grids

#: Frames for which a lost object is looked for.
PATIENCE = 15
_SIDE = SIDE_PX / LOGITS_PX
# The box that is asked for is larger than the moved mask by this share of it, as objects grow and turn.
_MARGIN = 0.05
# An answer is another object when it overlaps with the moved mask by less, or a person should look.
_LOST_IOU, _DOUBT_IOU = 0.4, 0.65
_LOST_SCORE, _DOUBT_SCORE = 0.4, 0.7
_LOST_GROWTH, _DOUBT_GROWTH = 2.5, 1.5
_LOST_LOOKS, _HIDDEN_LOOKS = 0.5, 0.65
# Where few of its points were found again, it must look all the more like itself.
_LOST_KEPT, _HIDDEN_KEPT = 0.15, 0.35
_LOST_LOOKS_UNKEPT, _HIDDEN_LOOKS_UNKEPT = 0.8, 0.9
# Something stands in front of an object that covers less than this share of what it used to.
_LOST_SHARE, _HIDDEN_SHARE = 0.25, 0.6
# Share of a new frame in what is remembered of size and colours: slow enough to tell hiding from going away.
_NEWS = 0.1
# Frames over which an object is thought to go on as it went.
_FARTHEST = 12
# Fewer of the logits' pixels than this are no object that the decoder could speak about.
_LEAST_PX = 6
_BINS = 4
LOOKS = _BINS**3


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known of an object after a frame.

    `packed` are its logits 256 x 256 on frame `frame`, on which all of it was last seen, as `grids` packs them;
    `shift` is what it moves in a frame, x and y in pixels of the logits; `looks` are the shares, in 255ths, of its
    colours in 64 bins, and `area` the pixels of the logits that it covers, both remembered over some frames; `lost`
    counts frames since anything of it was seen.
    """

    frame: int
    packed: bytes
    shift: tuple[float, float]
    looks: NDArray[np.uint8]
    area: float
    predicted_iou: float
    lost: int = 0

    @property
    def logits(self) -> Floats:
        """The mask as the decoder takes it, 256 x 256."""
        return grids.unpack(self.packed)

    @property
    def given_up(self) -> bool:
        """Whether it has been lost for so long that it is looked for no more."""
        return self.lost > PATIENCE


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer of the decoder that is believed: which of its masks, logits 256 x 256 and the estimate of the IoU.

    `hidden` says that something seems to be in front of the object, `doubtful` that a person should look.
    """

    index: int
    logits: Floats
    predicted_iou: float
    hidden: bool
    doubtful: bool


def begin(frame: int, logits: Floats, predicted_iou: float, square: Pixels) -> Followed:
    """What is known of an object that was prompted on a frame."""
    mask = logits > 0
    area = float(np.count_nonzero(mask))
    # Nothing was found: there is nothing to follow.
    lost = 0 if area >= _LEAST_PX else PATIENCE + 1
    looks = looks_of(square, mask)
    return Followed(frame, grids.pack(logits), (0.0, 0.0), looks, area, predicted_iou, lost)


def within(moved: Floats, region: Region) -> Floats:
    """A moved mask without what has left the picture: the model's square is larger than most pictures."""
    height, width = (round(side / _SIDE) for side in region.input_size)
    inside = np.full_like(moved, float(moved.min()))
    inside[:height, :width] = moved[:height, :width]
    return inside


def ask(moved: Floats) -> ModelPrompt | None:
    """The prompt for a moved mask: its box, its innermost point, itself. None when it is out of the picture."""
    mask = moved > 0
    if np.count_nonzero(mask) < _LEAST_PX:
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x0, x1 = columns[0], columns[-1] + 1
    y0, y1 = rows[0], rows[-1] + 1
    dx, dy = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
    corners = np.asarray(((x0 - dx, y0 - dy), (x1 + dx, y1 + dy)), dtype=np.float32)
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    xy = np.vstack((((x + 0.5, y + 0.5),), np.clip(corners, 0, LOGITS_PX))).astype(np.float32) * np.float32(
        _SIDE
    )
    return ModelPrompt(xy, np.asarray((1, 2, 3), dtype=np.float32), moved)


def choose(
    before: Followed, moved: Floats, kept: float | None, decoded: Decoded, square: Pixels
) -> Seen | None:
    """The decoder's mask that fits the moved one best; None when none of them is the object.

    `kept` is the motion's. The decoder tends to agree with the mask that it is asked about whatever lies there, so that
    their overlap says little; colours and points found again say whether it is the object.
    """
    mask = moved > 0
    fits = [iou(mask, logits > 0) for logits in decoded.logits]
    best = int(np.argmax(np.asarray(fits) + 0.25 * decoded.predicted_iou))
    found, fit, score = decoded.logits[best] > 0, fits[best], float(decoded.predicted_iou[best])
    area, expected = int(np.count_nonzero(found)), int(np.count_nonzero(mask))
    growth = max(area, expected) / max(1, min(area, expected))
    alike = likeness(before.looks, looks_of(square, found))
    if area < max(_LEAST_PX, _LOST_SHARE * before.area) or growth > _LOST_GROWTH:
        return None
    kept = 1.0 if kept is None else kept
    lost_below = _LOST_LOOKS_UNKEPT if kept < _LOST_KEPT else _LOST_LOOKS
    if fit < _LOST_IOU or score < _LOST_SCORE or alike < lost_below:
        return None
    hidden_below = _HIDDEN_LOOKS_UNKEPT if kept < _HIDDEN_KEPT else _HIDDEN_LOOKS
    hidden = area < _HIDDEN_SHARE * before.area or alike < hidden_below
    doubtful = hidden or fit < _DOUBT_IOU or score < _DOUBT_SCORE or growth > _DOUBT_GROWTH
    # What was lost has to show more to be taken for the same again.
    return None if before.lost and doubtful else Seen(best, decoded.logits[best], score, hidden, doubtful)


def seen_again(before: Followed, frame: int, seen: Seen, square: Pixels) -> Followed:
    """What is known after a frame on which the object was seen."""
    mask = seen.logits > 0
    area = (1 - _NEWS) * before.area + _NEWS * float(np.count_nonzero(mask))
    if seen.hidden:
        # The mask and the colours are those of a part, or of what is in front: nothing to go on from.
        return replace(before, area=area, predicted_iou=seen.predicted_iou, lost=0)
    elapsed = max(1, abs(frame - before.frame))
    old, new = _centre(before.logits > 0), _centre(mask)
    shift = ((new[0] - old[0]) / elapsed, (new[1] - old[1]) / elapsed)
    looks = (1 - _NEWS) * before.looks.astype(np.float32) + _NEWS * looks_of(square, mask)
    packed = grids.pack(seen.logits)
    return Followed(frame, packed, shift, np.rint(looks).astype(np.uint8), area, seen.predicted_iou)


def missed(before: Followed) -> Followed:
    """What is known after a frame on which it was not seen."""
    return replace(before, lost=before.lost + 1)


def expected_shift(before: Followed, frame: int) -> tuple[float, float]:
    """How far it should have gone by that frame, pixels of the grid; it is not thought to go on for long unseen."""
    elapsed = min(abs(frame - before.frame), _FARTHEST)
    return before.shift[0] * elapsed, before.shift[1] * elapsed


def iou(first: Bitmap, second: Bitmap) -> float:
    """Intersection over union, 0 of two empty masks."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0


def looks_of(square: Pixels, mask: Bitmap) -> NDArray[np.uint8]:
    """Shares of colours inside a mask 256 x 256 of the model's square, 64 bins in 255ths."""
    small = cv2.resize(square, (LOGITS_PX, LOGITS_PX), interpolation=cv2.INTER_AREA)
    colours = (small[mask] // (256 // _BINS)).astype(np.intp)
    bins = (colours[:, 0] * _BINS + colours[:, 1]) * _BINS + colours[:, 2]
    counts = np.bincount(bins, minlength=LOOKS)
    return np.rint(255 * counts / max(1, len(bins))).astype(np.uint8)


def likeness(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Share of colours in common, 0 to 1."""
    return min(1.0, float(np.minimum(first, second).astype(np.float64).sum()) / 255)


def _centre(mask: Bitmap) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())
