"""What is asked of the metrics, as values."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from review_queue.errors import MetricInvalid
from review_queue.measures.facts import HOUR_US, HOURS_A_DAY, Grain, Slot
from review_queue.measures.values import OF_CATEGORY, Metric

MAX_GROUPS = 5_000
_LATEST = 1 << 31
"""Hours that no answer is given after; in microseconds they still fit 64 bits."""
_MONDAY = 4 * HOURS_A_DAY
"""The epoch was a Thursday; the first Monday after it began so many hours later."""


class Group(IntEnum):
    """What answers are grouped by; MODEL, PROMPT and SHOTS are those of the prediction's run."""

    NONE = 0
    CATEGORY = 1
    REVIEWER = 2
    RUN = 3
    MODEL = 4
    PROMPT = 5
    SHOTS = 6


class Step(IntEnum):
    """How long the times are that answers are grouped by; all in UTC, weeks from Monday."""

    NONE = 0
    HOUR = 1
    DAY = 2
    WEEK = 3


_HOURS = {Step.HOUR: 1, Step.DAY: HOURS_A_DAY, Step.WEEK: 7 * HOURS_A_DAY}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sums of one grain whose start lies in [first, end), hours since the epoch."""

    grain: Grain
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """Metrics of a project's reviews in [start_us, end_us), 0 for no bound, by group and step.

    Bounds are taken outward to whole hours, with a step of days or weeks to whole days. Empty names filter nothing.
    """

    metrics: tuple[Metric, ...]
    group: Group = Group.NONE
    step: Step = Step.NONE
    start_us: int = 0
    end_us: int = 0
    reviewer: str = ""
    run_uid: str = ""
    tool: str = ""
    category: str = ""

    @property
    def of_cells(self) -> bool:
        """Whether the answer stands in the sums of pairs of categories."""
        return self.group is Group.CATEGORY or bool(self.tool or self.category)

    def stretches(self) -> Iterator[Stretch]:
        """Where the sums stand that add up to the answer: the coarsest grain that fits the bounds and the step."""
        if not self.start_us and not self.end_us and self.step is Step.NONE:
            yield Stretch(Grain.ALL, 0, 1)
            return
        first = min(self.start_us // HOUR_US, _LATEST)
        end = min(-(-self.end_us // HOUR_US), _LATEST) if self.end_us else _LATEST
        if self.step is Step.HOUR:
            yield Stretch(Grain.HOUR, first, end)
            return
        if self.step is not Step.NONE:
            yield Stretch(Grain.DAY, _day(first), _day(end + HOURS_A_DAY - 1))
            return
        morning, midnight = _day(first + HOURS_A_DAY - 1), _day(end)
        if morning >= midnight:
            yield Stretch(Grain.HOUR, first, end)
            return
        for grain, a, b in (
            (Grain.HOUR, first, morning),
            (Grain.DAY, morning, midnight),
            (Grain.HOUR, midnight, end),
        ):
            if a < b:
                yield Stretch(grain, a, b)

    def time_of(self, start: int) -> tuple[int, int]:
        """The step around an hour as (first microsecond, end); (0, 0) without steps."""
        if self.step is Step.NONE:
            return 0, 0
        length = _HOURS[self.step]
        first = start - (start - _MONDAY) % length if self.step is Step.WEEK else start - start % length
        return first * HOUR_US, (first + length) * HOUR_US

    def holds(self, slot: Slot, stretch: Stretch) -> bool:
        """Whether a sum is part of the answer."""
        return (
            slot.grain == stretch.grain
            and stretch.first <= slot.start < stretch.end
            and self.reviewer in ("", slot.reviewer)
            and self.run_uid in ("", slot.run_uid)
        )

    def counts(self, cell: tuple[str, str, str]) -> bool:
        """Whether a pair of categories is part of the answer."""
        tool, *names = cell
        return self.tool in ("", tool) and (not self.category or self.category in names)


def _day(hour: int) -> int:
    return hour - hour % HOURS_A_DAY


def check(question: Question) -> None:
    """Raise MetricInvalid for the first thing that is wrong."""
    if question.start_us < 0 or question.end_us < 0:
        raise MetricInvalid("A time must not be negative.")
    if question.end_us and question.end_us <= question.start_us:
        raise MetricInvalid("The end of the window must be after its start.")
    if question.of_cells and question.group not in (Group.NONE, Group.CATEGORY):
        raise MetricInvalid("One tool or category can only be told by category, not by reviewer or source.")
    if question.of_cells and set(question.metrics) - set(OF_CATEGORY):
        names = ", ".join(metric.name for metric in OF_CATEGORY)
        raise MetricInvalid(f"Of categories only {names} can be told.")
