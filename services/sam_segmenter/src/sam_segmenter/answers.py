"""From a decoder's logits to what a caller gets: thresholded, cleaned, measured, in the form asked for (pure)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from labels import rle
from labels.label import Box, Mask, Polygon
from sam_segmenter import frame
from sam_segmenter.automatic import Found
from sam_segmenter.decoder import Decoded
from sam_segmenter.frame import Floats, Patch, Region
from sam_segmenter.masks.clean import Cleaning, clean
from sam_segmenter.masks.difficulty import Difficulty, difficulty, stability
from sam_segmenter.masks.png import to_png
from sam_segmenter.masks.simplify import simplify
from sam_segmenter.sharpness import Sharpness

NO_CLEANING = Cleaning()


class Form(StrEnum):
    """How a mask is returned."""

    MASK = "MASK"
    POLYGON = "POLYGON"
    PNG = "PNG"


@dataclass(frozen=True, slots=True)
class Wish:
    """How masks are wanted; `max_iou_loss` (0 to 0.5) is for polygons."""

    best_only: bool = False
    cleaning: Cleaning = NO_CLEANING
    max_iou_loss: float = 0.0
    form: Form = Form.MASK


@dataclass(frozen=True, slots=True)
class Candidate:
    """One mask for an object, of a picture height_px x width_px.

    `shape` is None for an empty polygon; `logits` are the decoder's 256 x 256 for `region`, None where they were not
    kept; `iou_loss` is 1 minus the IoU of a simplified polygon with the mask it stands for.
    """

    shape: Mask | Polygon | bytes | None
    height_px: int
    width_px: int
    predicted_iou: float
    stability: float
    area_px: int
    bounds: Box | None
    difficulty: Difficulty
    iou_loss: float
    region: Region
    logits: Floats | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a decoder's answer lies: a region of a picture of that size, and how sharp the region is."""

    region: Region
    height_px: int
    width_px: int
    sharpness: Sharpness


def candidate(decoded: Decoded, index: int, place: Place, wish: Wish) -> Candidate:
    """The decoder's mask of that index as the caller wants it."""
    logits = decoded.logits[index]
    patch = frame.to_mask(logits, place.region, place.height_px, place.width_px)
    patch = _cleaned(patch, wish.cleaning)
    area_px, bounds = int(np.count_nonzero(patch.bitmap)), _bounds(patch)
    stable = stability(logits)
    on = logits > 0
    shape, loss = _shape(patch, wish)
    return Candidate(
        shape=shape,
        height_px=place.height_px,
        width_px=place.width_px,
        predicted_iou=float(decoded.predicted_iou[index]),
        stability=stable,
        area_px=area_px,
        bounds=bounds,
        difficulty=difficulty(
            predicted_iou=float(decoded.predicted_iou[index]),
            stability=stable,
            logits_px=int(np.count_nonzero(on)),
            sharpness=place.sharpness.inside(on),
        ),
        iou_loss=loss,
        region=place.region,
        logits=logits,
    )


def from_found(found: Found, height_px: int, width_px: int, wish: Wish) -> Candidate:
    """A mask that was found without a prompt, in the form wanted; it is clean already."""
    shape, loss = _shape(found.patch(height_px, width_px), wish)
    return Candidate(
        shape=shape,
        height_px=height_px,
        width_px=width_px,
        predicted_iou=found.predicted_iou,
        stability=found.stability,
        area_px=found.area_px,
        bounds=found.bounds,
        difficulty=found.difficulty,
        iou_loss=loss,
        region=found.region,
        logits=None,
    )


def _cleaned(patch: Patch, cleaning: Cleaning) -> Patch:
    if cleaning == NO_CLEANING or not patch.bitmap.size:
        return patch
    return Patch(clean(patch.bitmap, cleaning), patch.x_px, patch.y_px, patch.height_px, patch.width_px)


def _bounds(patch: Patch) -> Box | None:
    rows, columns = np.flatnonzero(patch.bitmap.any(axis=1)), np.flatnonzero(patch.bitmap.any(axis=0))
    if not len(rows):
        return None
    return Box(
        float(patch.x_px + columns[0]),
        float(patch.y_px + rows[0]),
        float(columns[-1] + 1 - columns[0]),
        float(rows[-1] + 1 - rows[0]),
    )


def _shape(patch: Patch, wish: Wish) -> tuple[Mask | Polygon | bytes | None, float]:
    match wish.form:
        case Form.MASK:
            return to_rle(patch), 0.0
        case Form.PNG:
            return to_png(patch.full()), 0.0
        case Form.POLYGON:
            if not patch.bitmap.any():
                return None, 0.0
            outline, loss = simplify(patch.bitmap, wish.max_iou_loss)
            return _moved(outline, patch.x_px, patch.y_px), loss


def to_rle(patch: Patch) -> Mask:
    """The mask of the whole picture as run lengths, without writing it out."""
    return rle.encode_at(patch.bitmap, patch.x_px, patch.y_px, patch.height_px, patch.width_px)


def _moved(polygon: Polygon, x_px: int, y_px: int) -> Polygon:
    shift = (float(x_px), float(y_px))
    return Polygon(
        tuple(tuple(value + shift[i % 2] for i, value in enumerate(ring)) for ring in polygon.rings)
    )
