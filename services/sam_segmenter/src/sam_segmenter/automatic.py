"""Masks all over a picture: a grid of clicks, and of what they give the sure, stable and distinct.

The rules are those of segment-anything's generator, in another order: crops go from the smallest to the whole picture,
since of two equal masks the one from the smaller crop is kept and what was sent cannot be taken back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from labels import rle
from labels.label import Box, Mask
from sam_segmenter import crops, frame
from sam_segmenter.decoder import MASKS, Decoded, Features, ModelPrompt
from sam_segmenter.errors import OptionInvalid
from sam_segmenter.frame import Bitmap, Floats, Patch, Region
from sam_segmenter.masks import overlap
from sam_segmenter.masks.clean import Cleaning, clean
from sam_segmenter.masks.difficulty import Difficulty, difficulty, stability

# Nearer to an inner edge of its crop a mask counts as cut off: pixels, and for small crops a share of the side.
_EDGE_PX = 20
_EDGE_SHARE = 1 / 16
# Clicks that are decoded or looked through at once; each holds a megabyte of logits.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Grid:
    """How to look for masks; raises OptionInvalid.

    `points_per_side` 1 to 64 clicks along each side of the picture, half as many in each deeper layer of crops;
    `crop_layers` 0 to 3. Masks are dropped whose predicted IoU or stability is lower than its bound (0 to 1), or whose
    box overlaps that of a better mask by a larger IoU than `max_overlap_iou` (0 to 1), or that have fewer than
    `min_area_px` pixels once islands and holes of that size are cleaned away; 0 keeps all.
    """

    points_per_side: int = 16
    min_predicted_iou: float = 0.8
    min_stability: float = 0.9
    max_overlap_iou: float = 0.7
    crop_layers: int = 0
    min_area_px: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        shares = (self.min_predicted_iou, self.min_stability, self.max_overlap_iou)
        sound = 1 <= self.points_per_side <= 64 and 0 <= self.crop_layers <= 3 and self.min_area_px >= 0
        if not sound or not all(0 <= share <= 1 for share in shares):
            raise OptionInvalid


@dataclass(frozen=True, slots=True)
class Found:
    """A mask: run lengths of the rectangle that holds it, whose top left corner lies at (x_px, y_px) of the picture."""

    mask: Mask
    x_px: int
    y_px: int
    area_px: int
    bounds: Box
    predicted_iou: float
    stability: float
    difficulty: Difficulty
    region: Region

    def patch(self, height_px: int, width_px: int) -> Patch:
        """The mask on its picture of that size."""
        return Patch(rle.to_bitmap(self.mask), self.x_px, self.y_px, height_px, width_px)


@dataclass(frozen=True, slots=True)
class Progress:
    """New masks of one crop, best first, and how many clicks have been tried of how many."""

    found: tuple[Found, ...]
    points_done: int
    points_total: int


async def everything(
    height_px: int,
    width_px: int,
    grid: Grid,
    features: Callable[[Region], Awaitable[Features]],
    decode: Callable[[Features, ModelPrompt], Awaitable[Decoded]],
) -> AsyncIterator[Progress]:
    """Masks of a picture of that size, crop by crop, at least one answer.

    `features` and `decode` are asked for one crop and one click at a time, several clicks at once; their errors are
    raised. Held are run lengths of one crop's masks, and the boxes of all that were sent.
    """
    layers = crops.layers(height_px, width_px, grid.crop_layers)
    per_layer = [max(1, grid.points_per_side >> number) for number in range(len(layers))]
    total = sum(len(regions) * per_side**2 for regions, per_side in zip(layers, per_layer, strict=True))
    sent, done = np.zeros((0, 4)), 0
    for regions, per_side in reversed([*zip(layers, per_layer, strict=True)]):
        for region in regions:
            crop = _Crop(region, height_px, width_px, grid, await features(region))
            found = await _found(crop, per_side, decode)
            boxes = np.asarray([_corners(one.bounds) for one in found]).reshape(-1, 4)
            scores = np.asarray([one.predicted_iou for one in found])
            kept = overlap.keep(boxes, scores, grid.max_overlap_iou, sent)
            sent = np.concatenate((sent, boxes[kept]))
            done += per_side**2
            yield Progress(tuple(found[index] for index in kept), done, total)


@dataclass(frozen=True, slots=True)
class _Crop:
    region: Region
    height_px: int
    width_px: int
    grid: Grid
    features: Features


async def _found(
    crop: _Crop, per_side: int, decode: Callable[[Features, ModelPrompt], Awaitable[Decoded]]
) -> list[Found]:
    """What all clicks on a crop give, in the order of the clicks."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def click(xy: Floats) -> list[Found]:
        async with places:
            decoded = await decode(crop.features, ModelPrompt(xy[None], np.ones(1, np.float32)))
            return await asyncio.to_thread(_sound, crop, decoded)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(click(xy)) for xy in _points(crop.region, per_side)]
    except ExceptionGroup as failed:
        # Callers know the errors of a decoder, not groups of them; the other clicks have been cancelled.
        raise failed.exceptions[0] from None
    return [one for task in tasks for one in task.result()]


def _points(region: Region, per_side: int) -> Floats:
    """Clicks in the middles of per_side x per_side equal parts of the region, n x 2 on the model's square."""
    height, width = region.input_size
    at = (np.arange(per_side, dtype=np.float32) + 0.5) / per_side
    x, y = np.meshgrid(at * width, at * height)
    return np.stack((x.ravel(), y.ravel()), axis=1)


def _sound(crop: _Crop, decoded: Decoded) -> list[Found]:
    """The masks of one click that pass; a click is ambiguous, so masks 1 to 3."""
    found = (_one(crop, decoded.logits[i], float(decoded.predicted_iou[i])) for i in range(1, MASKS))
    return [one for one in found if one is not None]


def _one(crop: _Crop, logits: Floats, predicted_iou: float) -> Found | None:
    if predicted_iou < crop.grid.min_predicted_iou:
        return None
    stable = stability(logits)
    if stable < crop.grid.min_stability:
        return None
    patch = frame.to_mask(logits, crop.region, crop.height_px, crop.width_px)
    least = crop.grid.min_area_px
    x, y, bitmap = _trimmed(patch.x_px, patch.y_px, clean(patch.bitmap, Cleaning(least, least)))
    area = int(np.count_nonzero(bitmap))
    height, width = bitmap.shape
    bounds = Box(float(x), float(y), float(width), float(height))
    if area < max(1, least) or _cut_off(bounds, crop):
        return None
    on = logits > 0
    return Found(
        mask=rle.encode(bitmap),
        x_px=x,
        y_px=y,
        area_px=area,
        bounds=bounds,
        predicted_iou=predicted_iou,
        stability=stable,
        difficulty=difficulty(
            predicted_iou=predicted_iou,
            stability=stable,
            logits_px=int(np.count_nonzero(on)),
            sharpness=crop.features.sharpness.inside(on),
        ),
        region=crop.region,
    )


def _trimmed(x_px: int, y_px: int, bitmap: Bitmap) -> tuple[int, int, Bitmap]:
    """The rectangle that holds what is set, and where it lies now."""
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return x_px, y_px, bitmap[:0, :0]
    held = bitmap[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return x_px + int(columns[0]), y_px + int(rows[0]), held


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px


def _cut_off(bounds: Box, crop: _Crop) -> bool:
    """Whether a mask comes close to an edge of its crop that is not one of the picture."""
    region = crop.region
    near = min(_EDGE_PX, min(region.width_px, region.height_px) * _EDGE_SHARE)
    edges = np.asarray(
        (region.x_px, region.y_px, region.x_px + region.width_px, region.y_px + region.height_px)
    )
    picture = np.asarray((0, 0, crop.width_px, crop.height_px))
    # An object that ends at the picture's own edge is whole, even where the crop's edge is a little further in.
    box = np.asarray(_corners(bounds))
    return bool(((np.abs(box - edges) <= near) & (np.abs(box - picture) > near)).any())
