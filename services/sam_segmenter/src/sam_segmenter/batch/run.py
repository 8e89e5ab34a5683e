"""Segmentation runs as values."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Box, Mask, Polygon
from labels.ontology import Ontology, Tool, ToolKind
from sam_segmenter.errors import NoImageTool, OptionInvalid

MAX_POINTS_PER_SIDE = 64
_POINTS_PER_SIDE = 16
_AUTOMATIC_MIN_AREA_PX = 100
_MAX_AREA_PX = 1 << 30
IMAGE_KINDS = frozenset({ToolKind.MASK, ToolKind.POLYGON})


class Mode(StrEnum):
    """Where masks come from: all over the picture, or one for each box of its label."""

    AUTOMATIC = "AUTOMATIC"
    BOXES = "BOXES"


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


class ItemState(IntEnum):
    """Where a picture of a run stands."""

    PENDING = 1
    SUCCEEDED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run was asked to do, as SegmentationConfig says; empty names and 0 stand for defaults."""

    mode: Mode = Mode.AUTOMATIC
    tool: str = ""
    category: str = ""
    points_per_side: int = 0
    min_area_px: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.points_per_side <= MAX_POINTS_PER_SIDE:
            raise OptionInvalid(f"points_per_side must be 1 to {MAX_POINTS_PER_SIDE}, or 0 for 16.")
        if not 0 <= self.min_area_px <= _MAX_AREA_PX:
            raise OptionInvalid("min_area_px must be 0 to 1,073,741,824.")

    @property
    def points(self) -> int:
        """Clicks along each side of the grid."""
        return self.points_per_side or _POINTS_PER_SIDE

    @property
    def min_px(self) -> int:
        """Masks of fewer pixels are dropped."""
        default = _AUTOMATIC_MIN_AREA_PX if self.mode is Mode.AUTOMATIC else 0
        return self.min_area_px or default


@dataclass(frozen=True, slots=True)
class Target:
    """What masks are for; `category` is empty where boxes bring their own."""

    tool: Tool
    category: str


def target(config: RunConfig, ontology: Ontology) -> Target:
    """The tool and category that a config means in an ontology; raises NoImageTool."""
    for tool in ontology.tools:
        named = config.tool in ("", tool.name) and config.category in ("", *tool.category_names)
        if tool.kind in IMAGE_KINDS and named:
            first = tool.category_names[0] if config.mode is Mode.AUTOMATIC else ""
            return Target(tool, config.category or first)
    raise NoImageTool


def has_image_tool(ontology: Ontology) -> bool:
    """Whether masks have a place in it."""
    return any(tool.kind in IMAGE_KINDS for tool in ontology.tools)


def config_to_json(config: RunConfig) -> str:
    """For the database; the same config gives the same text."""
    return json.dumps(asdict(config), sort_keys=True)


def config_from_json(text: str) -> RunConfig:
    """From the database."""
    raw: dict[str, Any] = json.loads(text)
    return RunConfig(**{**raw, "mode": Mode(raw["mode"])})


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its counts, pictures but for `masks`; times are microseconds since the Unix epoch, 0 for not yet."""

    uid: str
    config: RunConfig
    state: RunState
    total: int
    succeeded: int
    failed: int
    masks: int
    model: str
    create_time_us: int
    end_time_us: int


@dataclass(frozen=True, slots=True)
class Job:
    """A picture that a worker has claimed, with all it must know.

    `boxes` are the annotations of the picture's label that are boxes; `source` names that label in a run over boxes and
    is empty otherwise; `tries` counts claims, this one too.
    """

    run_uid: str
    project_uid: str
    project_id: str
    tenant: str
    config: RunConfig
    ontology: Ontology
    position: int
    asset: Asset
    boxes: tuple[Annotation, ...]
    source: str
    tries: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture without a prediction: its uid, its place in the import, and why (error class, sentence)."""

    asset_uid: str
    position: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ShapeFound:
    """One mask, with the model's own estimates, both 0 to 1."""

    shape: Mask | Polygon
    predicted_iou: float
    stability: float

    @property
    def confidence(self) -> float:
        """One number of the two, 0 to 1."""
        return min(1.0, max(0.0, self.predicted_iou * self.stability))


@dataclass(frozen=True, slots=True)
class Shaping:
    """How masks are wanted: as polygons or as masks; those of fewer than `min_area_px` pixels not at all."""

    polygons: bool
    min_area_px: int


class Masks(Protocol):
    """What finds masks on a tenant's picture. Raises EncoderError, and what reading the picture raises."""

    async def in_boxes(
        self, tenant: str, ref: ContentRef, boxes: Sequence[Box], shaping: Shaping
    ) -> Sequence[ShapeFound | None]:
        """A mask for each box, in order; None where there is none. The boxes lie on the picture; any number."""
        ...

    async def everywhere(
        self, tenant: str, ref: ContentRef, points_per_side: int, shaping: Shaping
    ) -> Sequence[ShapeFound]:
        """Masks all over the picture from a grid of clicks, in any order."""
        ...
