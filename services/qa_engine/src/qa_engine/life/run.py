"""A run of a rule over labels that are there, and what it takes to enforce one, as pure functions."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from labels.label import Severity
from qa_engine.conduct import Action, Conduct, Mode
from qa_engine.errors import BacktestFailed, BacktestMissing, PrecisionTooLow, RunEnded
from qa_engine.life.precision import Precision
from qa_engine.rule import Rule, Settings, Value

SECONDS_PER_HIT = 20.0
"""What a person is taken to need for one hit unless the caller knows better."""
MAX_SECONDS_PER_HIT = 3_600.0
SAMPLE = 100
MAX_UNCHECKED_SHARE = 0.01
"""Of the labels of a backtest that a project's own rule may have failed on."""


class RunKind(StrEnum):
    """What a run is for."""

    BACKTEST = "BACKTEST"
    ENFORCE = "ENFORCE"
    LIVE = "LIVE"
    SCHEDULE = "SCHEDULE"


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    DONE = "DONE"
    REVERTED = "REVERTED"


class ReviewTimeSource(StrEnum):
    """Where the time comes from that a person is taken to need."""

    DEFAULT = "DEFAULT"
    """Nobody knows: SECONDS_PER_HIT for a hit."""
    REQUEST = "REQUEST"
    """Who started the run said it, for a hit."""
    REVIEWS = "REVIEWS"
    """The median of the project's reviews, for a label with hits."""


class Stage(StrEnum):
    """Which labels a run looks at: those that stand, and after them, in a backtest, those that were reviewed."""

    LABELS = "LABELS"
    REVIEWED = "REVIEWED"


@dataclass(frozen=True, slots=True)
class Run:
    """One run; counts are at least 0 and times in microseconds since the Unix epoch, 0 where it has not ended.

    `terms` is what `terms` says of its rule and settings; both are empty for live runs.
    """

    uid: str
    project_uid: str
    kind: RunKind
    rule: str
    version: int
    terms: str
    settings: str
    state: RunState
    stage: Stage
    cursor: str
    total: int
    looked: int
    hit_labels: int
    hits: int
    patched: int
    unchecked_labels: int
    precision: Precision
    review_seconds: float
    review_time_source: ReviewTimeSource
    error: str
    author: str
    create_time_us: int
    end_time_us: int

    @property
    def reviewer_minutes(self) -> float:
        """What showing every hit to a person would cost: a review is of a label, with all that was found in it."""
        shown = self.hit_labels if self.review_time_source is ReviewTimeSource.REVIEWS else self.hits
        return shown * self.review_seconds / 60

    @property
    def hit_rate(self) -> float:
        """The share of labels looked at with a hit, 0 to 1."""
        return self.hit_labels / self.looked if self.looked else 0.0


def terms(rule: Rule, settings: Settings) -> str:
    """Digest of a rule with all that decides what it finds and does: 64 hexadecimal digits.

    Neither the mode nor how often it is asked are among it.
    """
    said = f"{rule.id}\0{rule.version}\0{json.dumps(_terms(settings.in_mode(Mode.ENFORCE)))}"
    return hashlib.sha256(said.encode()).hexdigest()


def settings_json(settings: Settings) -> str:
    """Settings as they are kept with a run."""
    return json.dumps(_terms(settings) | {"schedule_minutes": settings.conduct.schedule_minutes})


def _terms(settings: Settings) -> dict[str, Any]:
    conduct, parameters = settings.conduct, sorted(settings.parameters.items())
    return {
        "enabled": settings.enabled,
        "severity": settings.severity.value,
        "parameters": {n: list(v) if isinstance(v, tuple) else float(v) for n, v in parameters},
        "shadow": conduct.shadow,
        "action": conduct.action.value,
        "route_boost": conduct.route_boost,
        "route_pool": conduct.route_pool,
        "precision_floor": conduct.precision_floor,
    }


def settings_from_json(text: str) -> Settings:
    """The settings that a run was started with."""
    found = json.loads(text)
    parameters: dict[str, Value] = {
        name: tuple(value) if isinstance(value, list) else float(value)
        for name, value in found["parameters"].items()
    }
    conduct = Conduct(
        found["shadow"],
        Action(found["action"]),
        found["route_boost"],
        found["route_pool"],
        found["precision_floor"],
        # Runs of a release before rules had schedules say nothing of them.
        found.get("schedule_minutes", 0),
    )
    return Settings(found["enabled"], Severity(found["severity"]), parameters, conduct)


def check_enforce(settings: Settings, backtest: Run | None, *, own: bool) -> None:
    """Raise BacktestMissing, BacktestFailed or PrecisionTooLow unless a backtest of these terms lets the rule count.

    `own` says that the rule is the project's own, so that what it could not check tells of its code.
    """
    if backtest is None:
        raise BacktestMissing
    if own and backtest.unchecked_labels > MAX_UNCHECKED_SHARE * backtest.looked:
        raise BacktestFailed(
            f"The rule could not check {backtest.unchecked_labels:,} of the {backtest.looked:,} labels of its backtest;"
            f" to be enforced it may be 1 in {1 / MAX_UNCHECKED_SHARE:.0f}."
        )
    floor = settings.conduct.precision_floor
    if settings.conduct.action is Action.DELETE and backtest.precision.lower < floor:
        raise PrecisionTooLow(
            f"The lower bound of the rule's precision is {backtest.precision.lower:.3f}"
            f" ({backtest.precision.right} right, {backtest.precision.wrong} wrong); to delete it must reach {floor:g}."
        )


def check_can_cancel(run: Run) -> None:
    """Raise RunEnded unless the run works."""
    if run.state is not RunState.RUNNING:
        raise RunEnded


def check_can_resume(run: Run) -> None:
    """Raise RunEnded for a run that has nothing left to do."""
    if run.state not in (RunState.RUNNING, RunState.CANCELLED, RunState.FAILED) or run.kind is RunKind.LIVE:
        raise RunEnded
