"""What is asked of sam-segmenter, and its answers. Coordinates are pixels of the picture as it is displayed."""

from dataclasses import dataclass
from enum import StrEnum

from labels.label import Box, Mask, Polygon


class ShapeForm(StrEnum):
    """Form of a mask in an answer: run lengths, outlines, or a black and white PNG file."""

    MASK = "MASK"
    POLYGON = "POLYGON"
    PNG = "PNG"


class Doubt(StrEnum):
    """Why a mask may be wrong."""

    LOW_PREDICTED_IOU = "LOW_PREDICTED_IOU"
    UNSTABLE = "UNSTABLE"
    SMALL = "SMALL"
    BLURRED = "BLURRED"
    EMPTY = "EMPTY"
    UNKNOWN = "UNKNOWN"


class CacheTier(StrEnum):
    """Where the picture's embedding was: in the process, shared between replicas, or made for this call."""

    MEMORY = "MEMORY"
    SHARED = "SHARED"
    ENCODED = "ENCODED"


@dataclass(frozen=True, slots=True)
class Click:
    """A point on the object, or with `positive` False one that is not on it."""

    x_px: float
    y_px: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class ObjectPrompt:
    """What is known of one object: at least one of clicks, a box and an earlier answer.

    `mask` is an earlier mask of the picture's size, `logits` the handle of an earlier answer for the same picture; at
    most one of the two.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    mask: Mask | None = None
    logits: str = ""


@dataclass(frozen=True, slots=True)
class PostProcess:
    """Cleaning of masks, in this order: parts of fewer pixels are dropped, holes of fewer filled, only the largest part
    kept, and polygons simplified until their IoU with the exact outline would be below 1 - `max_iou_loss` (0 to 0.5).
    """

    min_island_px: int = 0
    max_hole_px: int = 0
    keep_largest: bool = False
    max_iou_loss: float = 0.0


@dataclass(frozen=True, slots=True)
class SegmentedMask:
    """One mask for an object; `shape` is bytes in the form PNG, and None when a polygon of nothing was asked for.

    `predicted_iou`, `stability` and `difficulty` are 0 to 1; `logits` names the answer for a refining prompt and is
    good for ten minutes; `iou_loss` is what simplifying cost. `bounds` is None when the mask is empty.
    """

    shape: Mask | Polygon | bytes | None
    predicted_iou: float
    stability: float
    area_px: int
    bounds: Box | None
    logits: str = ""
    difficulty: float = 0.0
    needs_human: bool = False
    doubts: tuple[Doubt, ...] = ()
    iou_loss: float = 0.0


@dataclass(frozen=True, slots=True)
class SegmentedObject:
    """Masks of one object, best first; `logits_lost` says that the handle in its prompt was no longer held."""

    masks: tuple[SegmentedMask, ...]
    logits_lost: bool = False

    @property
    def best(self) -> SegmentedMask:
        """The first."""
        return self.masks[0]


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the service's time went, milliseconds."""

    embedding_ms: float
    decode_ms: float
    post_ms: float


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The answer to `segment`: one entry for each prompt, in order; `handle` names the picture in later calls."""

    objects: tuple[SegmentedObject, ...]
    handle: str
    height_px: int
    width_px: int
    cache: CacheTier
    timings: Timings


@dataclass(frozen=True, slots=True)
class WarmImage:
    """A picture that is encoded; `handle` names it in later calls."""

    handle: str
    height_px: int
    width_px: int
    cache: CacheTier


@dataclass(frozen=True, slots=True)
class Grid:
    """How masks are looked for all over a picture; None and 0 take the service's defaults.

    `points_per_side` is 1 to 64 clicks along each side, the three shares are 0 to 1, `crop_layers` 0 to 3, and masks of
    fewer than `min_area_px` pixels are dropped.
    """

    points_per_side: int = 0
    min_predicted_iou: float = 0.0
    min_stability: float = 0.0
    max_overlap_iou: float = 0.0
    crop_layers: int = 0
    min_area_px: int = 0


@dataclass(frozen=True, slots=True)
class FoundMasks:
    """New masks of one part of the picture, best first, and how many of the clicks are done."""

    masks: tuple[SegmentedMask, ...]
    points_done: int
    points_total: int


@dataclass(frozen=True, slots=True)
class SamModel:
    """The model that answers; `encoder_backend` is "onnxruntime" or "triton"."""

    name: str
    encoder_sha256: str
    decoder_sha256: str
    input_side_px: int
    encoder_backend: str
