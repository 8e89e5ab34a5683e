"""Of masks that are about the same one is kept, by their boxes."""

import numpy as np
from numpy.typing import NDArray

#: n x (left, upper, right, lower) in pixels.
Boxes = NDArray[np.float64]


def ious(box: Boxes, boxes: Boxes) -> Boxes:
    """IoU of one box, 4 values, with each of n x 4; 0 beside a box without area."""
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inner = np.clip(shared, 0, None).prod(axis=1)
    outer = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - inner
    found: Boxes = np.divide(inner, outer, out=np.zeros_like(inner), where=outer > 0)
    return found


def keep(boxes: Boxes, scores: Boxes, max_iou: float, kept_before: Boxes) -> list[int]:
    """Indexes of boxes, best first, none of which overlaps a better one or one kept before by more than `max_iou`."""
    kept: list[int] = []
    taken = kept_before
    for index in np.argsort(-scores, kind="stable"):
        box = boxes[index]
        if (ious(box, taken) > max_iou).any():
            continue
        kept.append(int(index))
        taken = np.concatenate((taken, box[None]))
    return kept
