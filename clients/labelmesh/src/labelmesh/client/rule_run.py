"""Runs of rules over labels that are there, and verdicts about what rules found."""

from dataclasses import dataclass
from enum import StrEnum

from labelmesh.client.rule import Rule
from labels.label import Finding


class RuleRunKind(StrEnum):
    """What a run is for."""

    BACKTEST = "BACKTEST"
    ENFORCE = "ENFORCE"
    LIVE = "LIVE"
    SCHEDULE = "SCHEDULE"


class ReviewTimeSource(StrEnum):
    """Where the seconds come from that a person is taken to need: 20 for a hit, what the caller said for one, or the
    median of the project's reviews for a label with hits.
    """

    DEFAULT = "DEFAULT"
    REQUEST = "REQUEST"
    REVIEWS = "REVIEWS"


class RuleRunState(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    DONE = "DONE"
    REVERTED = "REVERTED"


@dataclass(frozen=True, slots=True)
class RulePrecision:
    """How often a rule was right by people's word, with a 95 % interval; all of 0 to 1 but the two counts."""

    right: int = 0
    wrong: int = 0
    estimate: float = 0.0
    lower: float = 0.0
    upper: float = 1.0


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One run; `rule` has the settings that it runs with and is None for LIVE runs.

    Counts are of labels, but for `hits`, which are findings; `unchecked_labels` are those that the rule failed on.
    `reviewer_minutes` comes of `review_seconds`, and `review_time_source` says where those come from. Times are
    microseconds since the Unix epoch, UTC.
    """

    project: str
    uid: str
    kind: RuleRunKind
    state: RuleRunState
    rule: Rule | None
    total: int
    looked: int
    hit_labels: int
    hits: int
    hit_rate: float
    patched: int
    reviewer_minutes: float
    precision: RulePrecision
    error: str
    author: str
    create_time_us: int
    end_time_us: int
    unchecked_labels: int = 0
    review_seconds: float = 20.0
    review_time_source: ReviewTimeSource = ReviewTimeSource.DEFAULT

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state is not RuleRunState.RUNNING


@dataclass(frozen=True, slots=True)
class RunHit:
    """One thing that a run found."""

    finding: Finding
    label_uid: str
    asset_uid: str


@dataclass(frozen=True, slots=True)
class RuleMetrics:
    """What a rule found, reported and on trial, and how often people agreed."""

    findings: int
    shadow_findings: int
    precision: RulePrecision


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says about what a rule said; without an annotation it is about the whole label."""

    label_uid: str
    rule: str
    confirmed: bool
    annotation_id: str = ""
