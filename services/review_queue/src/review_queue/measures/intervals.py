"""Intervals of 95 % from counts and sums, as pure functions. Each says by which method."""

from dataclasses import dataclass
from math import exp, log, sqrt

from review_queue.statistics import wilson

Z95 = 1.959963984540054
MAX_LOG = 700.0
"""No logarithm of an end is taken beyond this, so that no interval overflows."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number from a sample of `n`, with the ends of its 95 % interval; None is what the sample does not tell."""

    n: int
    value: float | None = None
    lower: float | None = None
    upper: float | None = None


def share(k: int, n: int) -> Estimate:
    """k of n with the score interval (Wilson, JASA 22, 1927)."""
    if n == 0:
        return Estimate(0)
    rate = wilson(k, n)
    return Estimate(n, rate.value, rate.lower, rate.upper)


def f1(true_positives: int, false_positives: int, false_negatives: int) -> Estimate:
    """F1 of n annotations that were predicted, true or both.

    J = TP / n is a share with a Wilson interval, and F1 = 2J / (1 + J) rises with it, so the ends carry over.
    """
    jaccard = share(true_positives, true_positives + false_positives + false_negatives)
    if jaccard.value is None or jaccard.lower is None or jaccard.upper is None:
        return Estimate(0)
    value, lower, upper = (2 * j / (1 + j) for j in (jaccard.value, jaccard.lower, jaccard.upper))
    return Estimate(jaccard.n, value, lower, upper)


def difference(one: tuple[int, int], other: tuple[int, int]) -> Estimate:
    """Share `one` minus share `other`, each (k, n), with the hybrid score interval.

    Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10. `n` is that of both.
    """
    if not one[1] or not other[1]:
        return Estimate(one[1] + other[1])
    a, b = wilson(*one), wilson(*other)
    value = a.value - b.value
    lower = value - sqrt((a.value - a.lower) ** 2 + (b.upper - b.value) ** 2)
    upper = value + sqrt((a.upper - a.value) ** 2 + (b.value - b.lower) ** 2)
    return Estimate(one[1] + other[1], value, lower, upper)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of numbers by its size, sum and sum of squares."""

    n: int
    sum: float
    squares: float

    @property
    def mean(self) -> float:
        """Arithmetic mean; 0 of nothing."""
        return self.sum / self.n if self.n else 0.0

    @property
    def variance_of_mean(self) -> float:
        """Estimated variance of the mean; 0 for n < 2."""
        if self.n < 2:
            return 0.0
        return max(0.0, (self.squares - self.sum * self.mean) / (self.n - 1)) / self.n


def mean(sample: Sample, low: float | None = None, high: float | None = None) -> Estimate:
    """Mean with Student's interval, cut to the range that the numbers can have."""
    if not sample.n:
        return Estimate(0)
    if sample.n < 2:
        return Estimate(sample.n, sample.mean)
    half = student(sample.n - 1) * sqrt(sample.variance_of_mean)
    lower, upper = sample.mean - half, sample.mean + half
    return Estimate(
        sample.n,
        sample.mean,
        lower if low is None else max(low, lower),
        upper if high is None else min(high, upper),
    )


def positive_mean(sample: Sample) -> Estimate:
    """Mean of positive numbers; Student's interval of its logarithm by the delta method, which suits skewed times."""
    if sample.n < 2 or sample.mean <= 0:
        return Estimate(sample.n, sample.mean if sample.n else None)
    half = student(sample.n - 1) * sqrt(sample.variance_of_mean) / sample.mean
    return _exponentials(sample.n, log(sample.mean), half)


def ratio_of_means(above: Sample, below: Sample) -> Estimate:
    """Mean over mean of positive numbers, each of n >= 2.

    The delta method on the logarithm, whose variance is var(a)/a^2 + var(b)/b^2 for independent means a and b, with
    Welch's degrees of freedom.
    """
    if min(above.n, below.n) < 2 or min(above.mean, below.mean) <= 0:
        return Estimate(above.n + below.n)
    parts = (above.variance_of_mean / above.mean**2, below.variance_of_mean / below.mean**2)
    return _welch(log(above.mean / below.mean), parts, (above.n, below.n))


def ratio_of_geometric_means(above_logs: Sample, below_logs: Sample) -> Estimate:
    """Geometric mean over geometric mean: Welch's interval of the difference of mean logarithms, exponentiated."""
    if min(above_logs.n, below_logs.n) < 2:
        return Estimate(above_logs.n + below_logs.n)
    parts = (above_logs.variance_of_mean, below_logs.variance_of_mean)
    return _welch(above_logs.mean - below_logs.mean, parts, (above_logs.n, below_logs.n))


def _welch(centre: float, parts: tuple[float, float], sizes: tuple[int, int]) -> Estimate:
    variance = sum(parts)
    spread = sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    freedom = variance**2 / spread if spread else float(min(sizes) - 1)
    return _exponentials(sum(sizes), centre, student(freedom) * sqrt(variance))


def _exponentials(n: int, centre: float, half: float) -> Estimate:
    lower, upper = max(-MAX_LOG, centre - half), min(MAX_LOG, centre + half)
    return Estimate(n, exp(centre), exp(lower), exp(upper))


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t with `freedom` >= 1 degrees of freedom, right to 0.3 % from 3 on.

    Exact for 1 and 2; from there by Cornish and Fisher's expansion (Abramowitz and Stegun, 26.7.5).
    """
    if freedom < 2:
        return 12.706 - (12.706 - 4.3027) * (max(1.0, freedom) - 1)
    if freedom < 3:
        return 4.3027 - (4.3027 - 3.1824) * (freedom - 2)
    z, v = Z95, freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / v ** (i + 1) for i, term in enumerate(terms))
