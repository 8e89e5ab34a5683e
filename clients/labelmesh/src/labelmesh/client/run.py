"""Prediction runs: one batch of model work over the assets of a project."""

from dataclasses import dataclass
from enum import StrEnum

from labels.label import ConfidenceMethod


class Shots(StrEnum):
    """Whether the prompt carries reviewed examples."""

    ZERO = "ZERO"
    FEW = "FEW"


class ExamplePool(StrEnum):
    """Which reviewed labels may become examples."""

    REVIEWED = "REVIEWED"
    CORRECTED = "CORRECTED"


class RunScope(StrEnum):
    """Which assets a run covers: those without a prediction, or all that nobody reviewed."""

    MISSING = "MISSING"
    UNREVIEWED = "UNREVIEWED"


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


class ItemState(StrEnum):
    """Where an item of a run stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run is asked to do.

    `examples_per_category` is 1 to 16; `concurrency` 1 to 1,024 requests under way at once, 0 for the
    service's default; the same `seed` over the same reviewed labels draws the same examples.
    """

    shots: Shots = Shots.ZERO
    examples_per_category: int = 1
    example_pool: ExamplePool = ExamplePool.REVIEWED
    seed: int = 0
    confidence_method: ConfidenceMethod = ConfidenceMethod.LABEL_MASS
    concurrency: int = 0
    scope: RunScope = RunScope.MISSING


@dataclass(frozen=True, slots=True)
class Run:
    """A prediction run; times in microseconds since the Unix epoch, `end_time_us` 0 while it works."""

    project: str
    uid: str
    config: RunConfig
    state: RunState
    pause_reason: str
    total: int
    succeeded: int
    failed: int
    model: str
    prompt_revision: int
    examples: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    minimum_asset_count: int
    create_time_us: int
    end_time_us: int

    @property
    def finished(self) -> int:
        """Items with a prediction or a recorded failure."""
        return self.succeeded + self.failed

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens without a caller's doing."""
        return self.state in (RunState.DONE, RunState.PAUSED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunItem:
    """An asset in a run; the error fields are empty unless it failed."""

    asset_uid: str
    asset_key: str
    state: ItemState
    error_reason: str
    error_message: str


@dataclass(frozen=True, slots=True)
class Example:
    """A reviewed label that may stand in a prompt."""

    label_uid: str
    asset_uid: str
    corrected: bool
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt exactly as the model gets it; `messages` are pairs of role and content."""

    messages: tuple[tuple[str, str], ...]
    sha256: str
    output_schema_json: str
    prompt_revision: int
