"""Review tasks, leases and decisions."""

from dataclasses import dataclass
from enum import StrEnum

from labels.asset import Asset
from labels.label import Finding, Label


class TaskState(StrEnum):
    """Where a review task stands."""

    WAITING = "WAITING"
    OPEN = "OPEN"
    LEASED = "LEASED"
    DONE = "DONE"


class Decision(StrEnum):
    """What a reviewer decided; the last three leave the answer to others."""

    ACCEPT = "ACCEPT"
    CORRECT = "CORRECT"
    REJECT = "REJECT"
    SEND_BACK = "SEND_BACK"
    ESCALATE = "ESCALATE"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class PriorityTerms:
    """What a priority was computed from.

    1 - confidence, severity weight (0, 0.1, 0.5, 1), hours since import, what a rule adds (0 to 1,000), how far
    answers differ (0 to 1), what the asset is worth (0 to 1,000), and how unlike its text is to those that people
    answered (0 to 1).
    """

    uncertainty: float
    severity: float
    age_hours: float
    boost: float = 0.0
    disagreement: float = 0.0
    business: float = 0.0
    novelty: float = 0.0


@dataclass(frozen=True, slots=True)
class PriorityTerm:
    """A summand of the priority: `contribution` is the project's `weight` of that name times `value`."""

    name: str
    weight: float
    value: float
    contribution: float


MAX_AHEAD = 10_000
"""How far the tasks before one are counted."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task stands where it stands: its priority at `time_us` (microseconds since the epoch), term by term.

    `rank` is the stored number that the queue is sorted by, lowest first; `ahead` how many open tasks come before this
    one, counted up to 10,000, and 0 when it is not open itself.
    """

    priority: float
    terms: tuple[PriorityTerm, ...]
    rank: float
    state: TaskState
    ahead: int
    time_us: int


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sent a task to the person `to`, or to its pool, and why."""

    by: str
    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class Task:
    """An item in the review queue, with everything needed to answer it.

    `label` is None when there is nothing to start from; `prediction_error` then says why in UPPER_SNAKE.
    `answers` of `answers_wanted` people have answered it; with `check` the label is a person's and waits for another's
    accept.
    """

    project: str
    uid: str
    asset: Asset
    label: Label | None
    findings: tuple[Finding, ...]
    state: TaskState
    priority: float
    terms: PriorityTerms
    reviewer: str = ""
    prediction_error: str = ""
    pool: str = ""
    answers: int = 0
    answers_wanted: int = 0
    check: bool = False
    sent: Sent | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """A task handed to this caller until `expire_time_us` (microseconds since the Unix epoch)."""

    task: Task
    fencing_token: int
    expire_time_us: int


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Tasks of a project by state; `open` includes those whose lease expired."""

    waiting: int
    open: int
    leased: int
    done: int

    @property
    def total(self) -> int:
        """All tasks."""
        return self.waiting + self.open + self.leased + self.done
