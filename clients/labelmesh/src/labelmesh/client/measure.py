"""Metrics by time and group, and what assistance is worth."""

from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """What can be asked for; docs/metrics.md has definitions and formulas."""

    REVIEWS = "REVIEWS"
    LABELS_PER_HOUR = "LABELS_PER_HOUR"
    ACTIVE_SECONDS_MEDIAN = "ACTIVE_SECONDS_MEDIAN"
    ACTIVE_SECONDS_MEAN = "ACTIVE_SECONDS_MEAN"
    ACCURACY = "ACCURACY"
    GOLD_ACCURACY = "GOLD_ACCURACY"
    F1 = "F1"
    OVERLAP = "OVERLAP"
    FALSE_POSITIVES = "FALSE_POSITIVES"
    FALSE_NEGATIVES = "FALSE_NEGATIVES"
    REWORK = "REWORK"
    SEND_BACKS = "SEND_BACKS"


class Group(StrEnum):
    """What answers are grouped by."""

    NONE = "UNSPECIFIED"
    CATEGORY = "CATEGORY"
    REVIEWER = "REVIEWER"
    RUN = "RUN"
    MODEL = "MODEL"
    PROMPT = "PROMPT"
    SHOTS = "SHOTS"


class Step(StrEnum):
    """How long the times are that answers are grouped by; UTC, weeks from Monday."""

    NONE = "UNSPECIFIED"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"


class Verdict(StrEnum):
    """Whether something was shown: by the whole 95 % interval."""

    TOO_FEW = "TOO_FEW"
    REACHED = "REACHED"
    NOT_REACHED = "NOT_REACHED"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number from a sample of `n` with its 95 % interval; None is what the sample does not tell."""

    n: int
    value: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """Metrics (none: all that fit the group) of answers in [start_us, end_us), 0 for no bound.

    `step` and `group` may be combined. Empty names filter nothing; with a `tool` or `category` only F1, OVERLAP,
    FALSE_POSITIVES and FALSE_NEGATIVES can be told.
    """

    metrics: tuple[Metric, ...] = ()
    group: Group = Group.NONE
    step: Step = Step.NONE
    start_us: int = 0
    end_us: int = 0
    reviewer: str = ""
    run_uid: str = ""
    tool: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """The metrics of one group; times are 0 without steps, `name` is empty without groups."""

    start_us: int
    end_us: int
    tool: str
    name: str
    values: dict[Metric, Estimate]


@dataclass(frozen=True, slots=True)
class HoldOutPolicy:
    """The share of predictions that is held back from reviewers, 0 to 0.5; `experiment` counts its changes."""

    share: float
    experiment: int
    start_us: int
    etag: str


@dataclass(frozen=True, slots=True)
class LiftArm:
    """The answers to tasks of one kind.

    `agreement` is the share that says what the prediction says, `misled` the share of wrong answers to gold assets
    whose prediction was wrong.
    """

    answers: int
    labels_per_hour: Estimate
    mean_seconds: Estimate
    median_seconds: Estimate
    agreement: Estimate
    gold_accuracy: Estimate
    misled: Estimate
    rework: Estimate


@dataclass(frozen=True, slots=True)
class Lift:
    """Answers with the prediction against answers without it; differences are with minus without.

    `speed_up` is the ratio of labels an hour, `typical_speed_up` that of geometric means. `pull` is the difference of
    agreements, `anchoring` of misled answers, `quality` of accuracies against gold; `not_worse` says whether the
    last is above -0.02.
    """

    experiment: int
    target: float
    assisted: LiftArm
    held_out: LiftArm
    speed_up: Estimate
    typical_speed_up: Estimate
    verdict: Verdict
    pull: Estimate
    anchoring: Estimate
    quality: Estimate
    not_worse: Verdict
    rework: Estimate
