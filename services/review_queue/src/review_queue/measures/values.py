"""What each metric is, computed from totals, as pure functions. docs/metrics.md tells the same in words."""

from collections.abc import Callable, Mapping
from enum import IntEnum

from review_queue.measures import intervals, sketch
from review_queue.measures.intervals import Estimate, Sample
from review_queue.measures.totals import Totals


class Metric(IntEnum):
    """The metrics, by their numbers on the wire."""

    REVIEWS = 1
    LABELS_PER_HOUR = 2
    ACTIVE_SECONDS_MEDIAN = 3
    ACTIVE_SECONDS_MEAN = 4
    ACCURACY = 5
    GOLD_ACCURACY = 6
    F1 = 7
    OVERLAP = 8
    FALSE_POSITIVES = 9
    FALSE_NEGATIVES = 10
    REWORK = 11
    SEND_BACKS = 12


OF_CATEGORY = (Metric.F1, Metric.OVERLAP, Metric.FALSE_POSITIVES, Metric.FALSE_NEGATIVES)
"""Those that can be told of one category; the others are about whole answers."""


def reviews(t: Totals) -> Estimate:
    """Tasks answered: accepted, corrected or rejected. A count has no interval."""
    return Estimate(t.answers, float(t.answers))


def labels_per_hour(t: Totals) -> Estimate:
    """3,600 over the mean of the active seconds, so of one reviewer who never rests."""
    seconds = active_seconds_mean(t)
    if not seconds.value:
        return Estimate(seconds.n)
    ends = (seconds.upper, seconds.lower)
    return Estimate(seconds.n, 3_600 / seconds.value, *(3_600 / end if end else None for end in ends))


def active_seconds_mean(t: Totals) -> Estimate:
    """Mean active seconds of a timed answer, each cut at facts.CUT_OFF_SECONDS."""
    return intervals.positive_mean(Sample(t.timed, t.seconds, t.seconds_squared))


def accuracy(t: Totals) -> Estimate:
    """Predictions whose whole label the answer left unchanged."""
    return intervals.share(t.unchanged, t.judged)


def gold_accuracy(t: Totals) -> Estimate:
    """Answers to gold assets that are the known answer."""
    return intervals.share(t.gold_right, t.gold)


def f1(t: Totals) -> Estimate:
    """Overlap of predicted and final annotations as a harmonic mean of precision and recall."""
    return intervals.f1(t.true_positives, t.false_positives, t.false_negatives)


def overlap(t: Totals) -> Estimate:
    """Mean intersection over union of objects, predicted or final: 1 where unchanged, 0 where deleted or added.

    A moved one counts as a false positive and a false negative and is one object. Student's interval over objects.
    """
    n = t.true_positives + t.false_positives + t.false_negatives - t.moved
    sample = Sample(n, t.true_positives + t.overlap, t.true_positives + t.overlap_squares)
    return intervals.mean(sample, 0.0, 1.0)


def false_positives(t: Totals) -> Estimate:
    """Predicted annotations that were not confirmed: 1 - precision."""
    return intervals.share(t.false_positives, t.true_positives + t.false_positives)


def false_negatives(t: Totals) -> Estimate:
    """Final annotations that were not predicted so: 1 - recall."""
    return intervals.share(t.false_negatives, t.true_positives + t.false_negatives)


def rework(t: Totals) -> Estimate:
    """Answers whose label a person changed or sent back later."""
    return intervals.share(min(t.reworked, t.answers), t.answers)


def send_backs(t: Totals) -> Estimate:
    """Tasks sent back, of all that were answered or sent back."""
    return intervals.share(t.sent_back, t.answers + t.sent_back)


_FORMULAS: Mapping[Metric, Callable[[Totals], Estimate]] = {
    Metric.REVIEWS: reviews,
    Metric.LABELS_PER_HOUR: labels_per_hour,
    Metric.ACTIVE_SECONDS_MEAN: active_seconds_mean,
    Metric.ACCURACY: accuracy,
    Metric.GOLD_ACCURACY: gold_accuracy,
    Metric.F1: f1,
    Metric.OVERLAP: overlap,
    Metric.FALSE_POSITIVES: false_positives,
    Metric.FALSE_NEGATIVES: false_negatives,
    Metric.REWORK: rework,
    Metric.SEND_BACKS: send_backs,
}


def value(metric: Metric, totals: Totals, bins: Mapping[int, int]) -> Estimate:
    """The metric of some reviews; `bins` is their sketch of active seconds."""
    if metric is Metric.ACTIVE_SECONDS_MEDIAN:
        return sketch.median(bins)
    return _FORMULAS[metric](totals)
