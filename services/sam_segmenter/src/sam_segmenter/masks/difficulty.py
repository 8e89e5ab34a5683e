"""How hard an object is for the model, told from its answer."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sam_segmenter.frame import Floats

_OFFSET = 1.0


class Doubt(StrEnum):
    """Why a mask may be wrong."""

    LOW_PREDICTED_IOU = "LOW_PREDICTED_IOU"
    UNSTABLE = "UNSTABLE"
    SMALL = "SMALL"
    BLURRED = "BLURRED"
    EMPTY = "EMPTY"


@dataclass(frozen=True, slots=True)
class Difficulty:
    """`score` is 0 (easy) to 1; `doubts` are in the order of their definition."""

    score: float
    needs_human: bool
    doubts: tuple[Doubt, ...]


def stability(logits: Floats) -> float:
    """IoU of the masks at thresholds one logit above and below zero, 0 to 1; 0 when both are empty.

    segment-anything's stability score, but on the decoder's own 256 x 256 instead of the picture's pixels.
    """
    # The higher mask lies inside the lower one, so the two counts are the intersection and the union.
    union = np.count_nonzero(logits > -_OFFSET)
    return np.count_nonzero(logits > _OFFSET) / union if union else 0.0


def difficulty(*, predicted_iou: float, stability: float, logits_px: int, sharpness: float) -> Difficulty:
    """Judge a mask.

    `predicted_iou` and `stability` are 0 to 1, `logits_px` counts the mask's pixels on the decoder's 256 x 256,
    `sharpness` is `Sharpness.inside` of them.
    """
    return Difficulty(0.0, False, ())
