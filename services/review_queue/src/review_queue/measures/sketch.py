"""Quantiles of positive numbers from counts in logarithmic bins, which add up over any partition.

Bin i holds (GAMMA^(i-1), GAMMA^i] times SMALLEST, and every number in it is told as 2 GAMMA^i / (GAMMA + 1) times
SMALLEST, so a quantile is wrong by at most ERROR of itself (DDSketch: Masson, Rim and Lee, PVLDB 12, 2019).
"""

from collections.abc import Mapping
from math import ceil, log, sqrt

from review_queue.measures.intervals import Z95, Estimate

SMALLEST = 0.1
"""Smaller numbers count as this, seconds."""
ERROR = 0.02
"""Largest relative error of a quantile, for numbers from SMALLEST up."""
GAMMA = (1 + ERROR) / (1 - ERROR)


def bin_of(value: float) -> int:
    """The bin of a number; 0 for SMALLEST and less."""
    return max(0, ceil(log(max(value, SMALLEST) / SMALLEST) / log(GAMMA) - 1e-9))


def value_of(index: int) -> float:
    """What the numbers of a bin are told as."""
    return SMALLEST if index <= 0 else float(SMALLEST * 2 * GAMMA**index / (GAMMA + 1))


def quantile(bins: Mapping[int, int], share: float) -> float | None:
    """The number below which that share lies; None of nothing."""
    total = sum(bins.values())
    return _at(bins, max(1, ceil(share * total))) if total else None


def median(bins: Mapping[int, int]) -> Estimate:
    """The median with the 95 % interval between the order statistics n/2 -+ z sqrt(n)/2.

    Those ranks are the normal form of the binomial ones (Conover, Practical Nonparametric Statistics, 3.2). With fewer
    than six numbers no two of them enclose the median with 95 %, and the ends are None.
    """
    n = sum(bins.values())
    if not n:
        return Estimate(0)
    half = Z95 * sqrt(n) / 2
    low, high = round(n / 2 - half), round(1 + n / 2 + half)
    return Estimate(
        n,
        quantile(bins, 0.5),
        _at(bins, low) if low >= 1 else None,
        _at(bins, high) if high <= n else None,
    )


def _at(bins: Mapping[int, int], rank: int) -> float:
    """The number of that rank, from 1."""
    for index in sorted(bins):
        rank -= bins[index]
        if rank <= 0:
            return value_of(index)
    raise IndexError(rank)
