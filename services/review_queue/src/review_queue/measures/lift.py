"""What assistance is worth: answers given with the prediction against answers given without it.

Which tasks were handed out without it was drawn at random, so the two kinds of task are alike but for that, and what
differs between their answers was caused by it (Fisher, The Design of Experiments, 1935).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from review_queue.measures import intervals, sketch, values
from review_queue.measures.intervals import Estimate, Sample
from review_queue.measures.totals import Totals

TARGET = 3.0
"""The speed-up that is asked for: three times the labels an hour."""
MARGIN = 0.02
"""How much worse answers may be with assistance and still count as no worse."""
MIN_TIMED = 10
"""Timed answers of each kind below which nothing is said about speed."""


class Verdict(IntEnum):
    """Whether something was shown: its whole interval lies on that side."""

    TOO_FEW = 1
    REACHED = 2
    NOT_REACHED = 3
    UNDECIDED = 4


@dataclass(frozen=True, slots=True)
class ArmReport:
    """The answers of one kind: how fast, how often like the prediction, and how good by gold.

    `agreement` is the share that says what the prediction says, `misled` the share of wrong answers where the
    prediction was wrong, both `gold`-based ones empty without gold.
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
    """With the prediction against without it; differences are with minus without.

    `speed_up` is the ratio of labels an hour, which is that of mean seconds turned round; `typical_speed_up` the ratio
    of geometric means, which long tasks move less. `pull` is the difference of agreements: how much the sight of a
    suggestion draws answers to it, for better or worse. `anchoring` is the difference of wrong answers where the
    prediction was wrong by gold. `quality` is the difference of gold accuracies, `not_worse` whether it is above
    -MARGIN.
    """

    assisted: ArmReport
    held_out: ArmReport
    speed_up: Estimate
    typical_speed_up: Estimate
    verdict: Verdict
    pull: Estimate
    anchoring: Estimate
    quality: Estimate
    not_worse: Verdict
    rework: Estimate


def lift(
    assisted: Totals,
    held_out: Totals,
    assisted_bins: Mapping[int, int],
    held_out_bins: Mapping[int, int],
    target: float = TARGET,
) -> Lift:
    """Compare the answers of an experiment's two kinds."""
    with_, without = assisted, held_out
    enough = min(with_.timed, without.timed) >= MIN_TIMED
    speed_up = intervals.ratio_of_means(_seconds(without), _seconds(with_))
    quality = intervals.difference((with_.gold_right, with_.gold), (without.gold_right, without.gold))
    return Lift(
        assisted=arm_report(with_, assisted_bins),
        held_out=arm_report(without, held_out_bins),
        speed_up=speed_up,
        typical_speed_up=intervals.ratio_of_geometric_means(_logs(without), _logs(with_)),
        verdict=verdict(speed_up, target) if enough else Verdict.TOO_FEW,
        pull=intervals.difference((with_.unchanged, with_.judged), (without.unchanged, without.judged)),
        anchoring=intervals.difference(
            (with_.misled, with_.gold_wrong), (without.misled, without.gold_wrong)
        ),
        quality=quality,
        not_worse=verdict(quality, -MARGIN),
        rework=intervals.difference((with_.reworked, with_.answers), (without.reworked, without.answers)),
    )


def verdict(found: Estimate, wanted: float) -> Verdict:
    """REACHED when the whole interval is at or above what is wanted, NOT_REACHED when it is below."""
    if found.lower is None or found.upper is None:
        return Verdict.TOO_FEW
    if found.lower >= wanted:
        return Verdict.REACHED
    return Verdict.NOT_REACHED if found.upper < wanted else Verdict.UNDECIDED


def arm_report(t: Totals, bins: Mapping[int, int]) -> ArmReport:
    """The numbers of one kind of answer."""
    return ArmReport(
        answers=t.answers,
        labels_per_hour=values.labels_per_hour(t),
        mean_seconds=values.active_seconds_mean(t),
        median_seconds=sketch.median(bins),
        agreement=values.accuracy(t),
        gold_accuracy=values.gold_accuracy(t),
        misled=intervals.share(t.misled, t.gold_wrong),
        rework=values.rework(t),
    )


def _seconds(t: Totals) -> Sample:
    return Sample(t.timed, t.seconds, t.seconds_squared)


def _logs(t: Totals) -> Sample:
    return Sample(t.timed, t.logs, t.logs_squared)
