"""What a review adds to the sums, as pure functions."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from math import log
from typing import Any

from review_queue.measures import sketch
from review_queue.measures.holdout import Arm
from review_queue.measures.totals import CELL_FIELDS, CellTotals, Totals
from review_queue.outcome import Cell

CUT_OFF_SECONDS = 1_800.0
"""More active seconds on one task count as this: whoever sent more forgot to stop the clock."""
HOUR_US = 3_600_000_000
HOURS_A_DAY = 24
_SENT_BACK = "SEND_BACK"
_COUNTED = {"ACCEPT": "accepted", "CORRECT": "corrected", "REJECT": "rejected", _SENT_BACK: "sent_back"}


class Grain(IntEnum):
    """The length of time that a sum is about."""

    ALL = 0
    DAY = 1
    HOUR = 2


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """What reviews are summed by; `start` is in hours since the Unix epoch."""

    project_uid: str
    grain: int
    start: int
    reviewer: str
    run_uid: str
    arm: int
    experiment: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What was stored of one review; those about the prediction are None where there was none or it was rejected.

    `fresh` says that the review is in no sum yet, `newly_reworked` that its label was changed since it was summed.
    """

    uid: str
    project_uid: str
    reviewer: str
    run_uid: str
    arm: Arm
    experiment: int
    decision: str
    active_seconds: float
    time_us: int
    confidence: float | None = None
    unchanged: bool | None = None
    gold_right: bool | None = None
    gold_prediction_right: bool | None = None
    fresh: bool = True
    newly_reworked: bool = False
    cells: tuple[tuple[Cell, CellTotals], ...] = ()


@dataclass(slots=True)
class Sums:
    """Sums in the making, by their keys."""

    reviews: dict[Slot, Totals] = field(default_factory=lambda: defaultdict(Totals))
    cells: dict[tuple[Slot, Cell], CellTotals] = field(default_factory=lambda: defaultdict(CellTotals))
    bins: dict[tuple[Slot, int], int] = field(default_factory=lambda: defaultdict(int))
    confidences: dict[tuple[str, str, int], tuple[int, int, float]] = field(default_factory=dict)


def start_of(time_us: int, grain: Grain) -> int:
    """First hour since the epoch of the grain's time around a moment."""
    if grain is Grain.ALL:
        return 0
    hour = time_us // HOUR_US
    return hour if grain is Grain.HOUR else hour - hour % HOURS_A_DAY


def add_up(reviews: Iterable[Facts], grains: Iterable[Grain] = tuple(Grain)) -> Sums:
    """The sums of reviews at the given grains."""
    sums, grains = Sums(), tuple(grains)
    for facts in reviews:
        added = totals(facts)
        for grain in grains:
            slot = _slot(facts, grain)
            sums.reviews[slot] += added
            if not facts.fresh:
                continue
            for cell, counts in facts.cells:
                sums.cells[slot, cell] += counts
            if added.timed:
                sums.bins[slot, sketch.bin_of(worked(facts.active_seconds))] += 1
        if facts.fresh and facts.unchanged is not None and facts.confidence is not None:
            key = (facts.project_uid, facts.run_uid, round(facts.confidence * 1_000))
            n, k, mass = sums.confidences.get(key, (0, 0, 0.0))
            sums.confidences[key] = (n + 1, k + facts.unchanged, mass + facts.confidence)
    return sums


def _slot(facts: Facts, grain: Grain) -> Slot:
    start = start_of(facts.time_us, grain)
    return Slot(facts.project_uid, grain, start, facts.reviewer, facts.run_uid, facts.arm, facts.experiment)


def worked(active_seconds: float) -> float:
    """Active seconds as they are counted."""
    return min(active_seconds, CUT_OFF_SECONDS)


def totals(facts: Facts) -> Totals:
    """What one review adds."""
    found: dict[str, Any] = {"reworked": int(facts.newly_reworked)}
    if facts.fresh and facts.decision in _COUNTED:
        found[_COUNTED[facts.decision]] = 1
        found["active_seconds"] = facts.active_seconds
        if facts.decision != _SENT_BACK:
            found |= {"answers": 1} | _judged(facts) | _time(facts) | _gold(facts) | _cells(facts)
    return Totals(**found)


def _judged(facts: Facts) -> dict[str, Any]:
    return {} if facts.unchanged is None else {"judged": 1, "unchanged": int(facts.unchanged)}


def _time(facts: Facts) -> dict[str, Any]:
    """Nothing where no time was sent."""
    if facts.active_seconds <= 0:
        return {}
    seconds = worked(facts.active_seconds)
    logarithm = log(max(seconds, sketch.SMALLEST))
    return {
        "timed": 1,
        "seconds": seconds,
        "seconds_squared": seconds**2,
        "logs": logarithm,
        "logs_squared": logarithm**2,
    }


def _gold(facts: Facts) -> dict[str, Any]:
    if facts.gold_right is None:
        return {}
    wrong = facts.gold_prediction_right is False
    return {
        "gold": 1,
        "gold_right": int(facts.gold_right),
        "gold_wrong": int(wrong),
        "misled": int(wrong and not facts.gold_right),
    }


def _cells(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(CELL_FIELDS, 0)
    for (_, predicted, reviewed), cell in facts.cells:
        if predicted == reviewed:
            found["true_positives"] += cell.n
            continue
        found["false_positives"] += cell.n if predicted else 0
        found["false_negatives"] += cell.n if reviewed else 0
        found["moved"] += cell.moved
        found["overlap"] += cell.overlap
        found["overlap_squares"] += cell.overlap_squares
    return found
