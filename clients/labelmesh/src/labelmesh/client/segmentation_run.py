"""Segmentation runs: one batch of model work over the pictures of a project."""

from dataclasses import dataclass
from enum import StrEnum


class SegmentationMode(StrEnum):
    """Masks all over the picture, or one for each box of its current label."""

    AUTOMATIC = "AUTOMATIC"
    BOXES = "BOXES"


class SegmentationRunState(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class SegmentationConfig:
    """What a run is asked to do.

    `tool` is a mask or polygon tool of the project, empty for its first; `category` the one of every mask, empty for
    the tool's first, and with BOXES only for boxes of a category that the tool does not have. `points_per_side` is 1 to
    64 clicks along each side (0: 16), masks of fewer than `min_area_px` pixels are dropped (0: 100 with AUTOMATIC).
    """

    mode: SegmentationMode = SegmentationMode.AUTOMATIC
    tool: str = ""
    category: str = ""
    points_per_side: int = 0
    min_area_px: int = 0


@dataclass(frozen=True, slots=True)
class SegmentationRun:
    """A segmentation run; times in microseconds since the Unix epoch, `end_time_us` 0 while it works.

    `total`, `succeeded` and `failed` count pictures.
    """

    project: str
    uid: str
    config: SegmentationConfig
    state: SegmentationRunState
    total: int
    succeeded: int
    failed: int
    masks: int
    model: str
    create_time_us: int
    end_time_us: int

    @property
    def finished(self) -> int:
        """Pictures with a prediction or a recorded failure."""
        return self.succeeded + self.failed

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens without a caller's doing."""
        return self.state is not SegmentationRunState.RUNNING


@dataclass(frozen=True, slots=True)
class SegmentationFailure:
    """A picture without a prediction; `reason` in UPPER_SNAKE, `message` one sentence."""

    asset_uid: str
    reason: str
    message: str
