"""What a caller knows of an object: checked, and put in the model's terms."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from labels.label import Box
from sam_segmenter import frame
from sam_segmenter.decoder import MASKS, Decoded, ModelPrompt, best_first
from sam_segmenter.errors import (
    BoxInvalid,
    ClickOutside,
    MaskSizeInvalid,
    PromptEmpty,
    TooManyClicks,
)
from sam_segmenter.frame import Bitmap, Floats, Region

MAX_CLICKS = 256


@dataclass(frozen=True, slots=True)
class Click:
    """A point on the object, or with `positive` false one that is not part of it; pixels of the picture."""

    x_px: float
    y_px: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is known of one object.

    `mask` is an earlier mask H x W of the picture, `logits` 256 x 256 an earlier answer for the region that is decoded;
    at most one of the two.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    mask: Bitmap | None = None
    logits: Floats | None = None


def check(prompt: Prompt, height_px: int, width_px: int) -> None:
    """Raise RequestInvalid with the first thing that is wrong."""
    if not (prompt.clicks or prompt.box or prompt.mask is not None or prompt.logits is not None):
        raise PromptEmpty
    if len(prompt.clicks) > MAX_CLICKS:
        raise TooManyClicks
    for click in prompt.clicks:
        # Written so that NaN fails.
        if not (0 <= click.x_px <= width_px and 0 <= click.y_px <= height_px):
            raise ClickOutside
    if prompt.box is not None:
        _check_box(prompt.box, height_px, width_px)
    if prompt.mask is not None and prompt.mask.shape != (height_px, width_px):
        raise MaskSizeInvalid


def _check_box(box: Box, height_px: int, width_px: int) -> None:
    values = (box.x_px, box.y_px, box.width_px, box.height_px)
    if not all(map(isfinite, values)) or box.width_px <= 0 or box.height_px <= 0:
        raise BoxInvalid
    if box.x_px >= width_px or box.y_px >= height_px:
        raise BoxInvalid
    if box.x_px + box.width_px <= 0 or box.y_px + box.height_px <= 0:
        raise BoxInvalid


def to_model(prompt: Prompt, region: Region) -> ModelPrompt:
    """The prompt on the model's square; what is known only as a mask is boxed as well, as the model wants points."""
    clicks, box = prompt.clicks, prompt.box
    if box is None and not clicks and prompt.mask is not None:
        box = _box_around(prompt.mask)
    xy = [(click.x_px, click.y_px) for click in clicks]
    labels = [1.0 if click.positive else 0.0 for click in clicks]
    if box is not None:
        x0, y0 = max(box.x_px, region.x_px), max(box.y_px, region.y_px)
        x1 = min(box.x_px + box.width_px, region.x_px + region.width_px)
        y1 = min(box.y_px + box.height_px, region.y_px + region.height_px)
        xy += [(x0, y0), (x1, y1)]
        labels += [2.0, 3.0]
    logits = prompt.logits
    if logits is None and prompt.mask is not None:
        logits = frame.to_logits(prompt.mask, region)
    points = np.asarray(xy, dtype=np.float32).reshape(-1, 2)
    return ModelPrompt(frame.to_model(points, region), np.asarray(labels, dtype=np.float32), logits)


def _box_around(mask: Bitmap) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise PromptEmpty("The earlier mask is empty: add a click or a box.")
    return Box(
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] + 1 - columns[0]),
        float(rows[-1] + 1 - rows[0]),
    )


def ranked(decoded: Decoded, prompt: Prompt) -> tuple[int, ...]:
    """Indexes of the masks worth showing, best first.

    A single click is ambiguous and asks for masks 1 to 3 by their scores. With a box, several clicks or an earlier
    answer mask 0 comes first, as the model was trained to answer there, then the others by score.
    """
    others = best_first(decoded.predicted_iou, range(1, MASKS))
    if prompt.box is None and len(prompt.clicks) == 1 and prompt.mask is None and prompt.logits is None:
        return others
    return (0, *others[: MASKS - 2])
