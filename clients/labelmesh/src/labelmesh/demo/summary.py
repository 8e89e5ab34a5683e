"""What a demo measured: values that become the final table and summary.json."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labelmesh.client import Metrics, Run, TaskCounts
from labelmesh.client.files.writing import Exported
from labelmesh.demo.reviewer import Reviewed


@dataclass(frozen=True, slots=True)
class Order:
    """Whether the queue put the doubtful first: wrong predictions in its first and last quarter."""

    first_wrong: int
    first_size: int
    last_wrong: int
    last_size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a project: its run, the metrics of that run's reviews, and the order of the queue."""

    shots: str
    items: int
    run: Run
    metrics: Metrics
    order: Order


@dataclass(slots=True)
class ProjectSummary:
    """One project of the demo."""

    name: str
    title: str
    items: int
    batches: list[Batch] = field(default_factory=list)
    metrics: Metrics | None = None
    tasks: TaskCounts | None = None
    example_bank: int = 0
    exports: dict[str, Exported] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class PhotosSummary:
    """The demo's pictures.

    Milliseconds are the caller's, with the way to the service and back: the first prompt of a picture waits for its
    encoding, the later ones do not. `iou` compares the masks with those that people drew for the package.
    `handed_out` are the pictures' keys in the order of the queue, `planted` the one with the planted artifact.
    """

    name: str
    title: str
    items: int
    model: str = ""
    masks: int = 0
    predicted_iou: float = 0.0
    iou: float = 0.0
    first_prompt_ms: float = 0.0
    later_prompt_ms: float = 0.0
    findings: list[str] = field(default_factory=list)
    planted: str = ""
    handed_out: list[str] = field(default_factory=list)
    corrected: int = 0
    accepted: int = 0
    tasks: TaskCounts | None = None
    exports: dict[str, Exported] = field(default_factory=dict)
    overlays: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Summary:
    """The whole demo; `reviewer` says who answered."""

    model: str
    reviewer: str
    seconds_to_start: float
    projects: list[ProjectSummary] = field(default_factory=list)
    photos: PhotosSummary | None = None
    seconds: float = 0.0


def order_of(answers: Sequence[Reviewed]) -> Order:
    """Wrong predictions in the first and last quarter of answers in queue order."""
    quarter = max(1, len(answers) // 4)
    first, last = answers[:quarter], answers[-quarter:]
    return Order(
        sum(not answer.was_right for answer in first),
        len(first),
        sum(not answer.was_right for answer in last),
        len(last),
    )
