"""How hard an object is for the model, told from its answer and from how sharp the picture is there.

The numbers below come from 15 photographs of COCO train2017 with 150 objects of all sizes, each prompted with its box
and with its box and a click, by the small model that is the default: 300 answers, and 900 more from the same pictures
blurred by Gaussians of 1.5, 3 and 6 px. An answer is bad when its IoU with the drawn mask is below 0.5: 16 % of the
sharp ones are, 25 % of all. The score is the chance of that by a logistic regression; with each picture judged by a fit
on the other 14 its AUROC is 0.69 on the sharp pictures and 0.68 on all, against 0.67 and 0.65 of the predicted IoU
alone. That ranks queues better than chance does; it does not replace looking.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import exp, log2

import numpy as np

from sam_segmenter.frame import Floats

#: From this score on a person should draw. Of the sharp answers it takes 7 %, 43 % of which are bad, and of the blurred
#: ones 39 %, with 38 % bad; it finds a fifth of the bad ones among the former and half among the latter.
NEEDS_HUMAN = 0.3
#: Below this 46 % of the answers are bad, above 22 %.
LOW_PREDICTED_IOU = 0.75
#: Below this 46 % of the answers are bad, above 22 %.
UNSTABLE = 0.7
#: Four by four pixels of the decoder's 256 x 256. With boxes, smaller masks are hardly worse (28 % bad to 24 %); with a
#: single click all 15 objects below that size were missed.
SMALL_LOGITS_PX = 16
#: Below this 33 % of the answers are bad, above 17 %; no mask on the pictures as they were came below.
BLURRED = 2.0

_INTERCEPT = 5.80
_PREDICTED_IOU, _STABILITY, _LOG_LOGITS_PX, _LOG_SHARPNESS = -4.74, -2.02, -0.078, -0.28
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
    """`score` is 0 (easy) to 1 (hard); `doubts` are in the order of their definition."""

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
    `sharpness` is `Sharpness.inside` of them, 0 and more. A mask of no pixels always needs a person.
    """
    if not logits_px:
        return Difficulty(1.0, True, (Doubt.EMPTY,))
    evidence = (
        _INTERCEPT
        + _PREDICTED_IOU * predicted_iou
        + _STABILITY * stability
        + _LOG_LOGITS_PX * log2(1 + logits_px)
        + _LOG_SHARPNESS * log2(1 + sharpness)
    )
    score = 1 / (1 + exp(-evidence))
    seen = (
        (Doubt.LOW_PREDICTED_IOU, predicted_iou < LOW_PREDICTED_IOU),
        (Doubt.UNSTABLE, stability < UNSTABLE),
        (Doubt.SMALL, logits_px < SMALL_LOGITS_PX),
        (Doubt.BLURRED, sharpness < BLURRED),
    )
    return Difficulty(score, score >= NEEDS_HUMAN, tuple(doubt for doubt, is_so in seen if is_so))
