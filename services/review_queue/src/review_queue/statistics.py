"""Numbers about right and wrong predictions, as pure functions.

A sample is given as tallies: for each confidence that occurred, how many predictions had it and how many of them
were right. That is what one GROUP BY returns, and it stays small where confidences repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

BINS = 10
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Tally:
    """Predictions of one confidence in 0 to 1: `n` of them, `k` right."""

    confidence: float
    n: int
    k: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A share k / n with its 95 % Wilson interval; all 0 where n is 0."""

    k: int = 0
    n: int = 0
    value: float = 0.0
    lower: float = 0.0
    upper: float = 0.0


@dataclass(frozen=True, slots=True)
class Bin:
    """One tenth of 0 to 1 (upper edge excluded but for 1) and the predictions whose confidence fell in it."""

    lower: float
    upper: float
    mean_confidence: float
    correct: Rate


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well confidence tells right from wrong; `auroc` is None when all are right or all wrong."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float
    auroc: float | None


def wilson(k: int, n: int) -> Rate:
    """Share with its 95 % score interval (Wilson, JASA 22, 1927)."""
    if n == 0:
        return Rate()
    p, zz = k / n, _Z95 * _Z95
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = _Z95 / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return Rate(k, n, p, max(0.0, centre - half), min(1.0, centre + half))


def reliability(tallies: Sequence[Tally]) -> Reliability:
    """Bins, expected calibration error over ten equal bins, Brier score and AUROC of a sample."""
    bins = reliability_bins(tallies)
    total = sum(b.correct.n for b in bins)
    gap = sum(b.correct.n * abs(b.correct.value - b.mean_confidence) for b in bins)
    return Reliability(bins, gap / total if total else 0.0, brier(tallies), auroc(tallies))


def reliability_bins(tallies: Sequence[Tally]) -> tuple[Bin, ...]:
    """The bins that are not empty, ascending."""
    counts: dict[int, tuple[int, int, float]] = {}
    for t in tallies:
        index = min(int(t.confidence * BINS), BINS - 1)
        n, k, mass = counts.get(index, (0, 0, 0.0))
        counts[index] = (n + t.n, k + t.k, mass + t.confidence * t.n)
    return tuple(
        Bin(index / BINS, (index + 1) / BINS, mass / n, wilson(k, n))
        for index, (n, k, mass) in sorted(counts.items())
    )


def brier(tallies: Sequence[Tally]) -> float:
    """Mean squared difference of confidence and outcome (Brier, Monthly Weather Review 78, 1950); 0 of none."""
    total = sum(t.n for t in tallies)
    loss = sum(t.k * (1 - t.confidence) ** 2 + (t.n - t.k) * t.confidence**2 for t in tallies)
    return loss / total if total else 0.0


def auroc(tallies: Sequence[Tally]) -> float | None:
    """Chance that a right prediction scores above a wrong one, ties counting half (Mann-Whitney U)."""
    right = sum(t.k for t in tallies)
    wrong = sum(t.n - t.k for t in tallies)
    if not right or not wrong:
        return None
    merged: dict[float, tuple[int, int]] = {}
    for t in tallies:
        n, k = merged.get(t.confidence, (0, 0))
        merged[t.confidence] = (n + t.n, k + t.k)
    wins, below = 0.0, 0
    for _, (n, k) in sorted(merged.items()):
        wins += k * (below + (n - k) / 2)
        below += n - k
    return wins / (right * wrong)


def f1(true_positives: int, false_positives: int, false_negatives: int) -> float | None:
    """Harmonic mean of precision and recall, 0 to 1; None when there is nothing to count."""
    counted = 2 * true_positives + false_positives + false_negatives
    return 2 * true_positives / counted if counted else None
