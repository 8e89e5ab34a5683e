"""From which confidence on a model's labels may be taken unseen, as pure functions.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei, 2021): each threshold of a grid that was fixed in advance
is a hypothesis, "of the labels at or above it more than the target are wrong". They are tested from the highest
threshold down, each with the exact binomial p-value of the errors seen above it, and the first that cannot be rejected
ends the sequence, so one level `delta` serves all. The threshold is the last one rejected.

The sequence begins where enough items are above: their number is known before their errors are looked at. It is exact
where labels of higher confidence are not more often wrong; the simulations try others too.

The evidence must be a random sample of what the threshold will decide on. Doubtful items that people looked at because
they were doubtful are none.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from review_queue.assurance.binomial import binomial_cdf, items_for, upper_bound

# fmt: off
GRID = (
    0.9999, 0.9995, 0.999, 0.998, 0.997, 0.996, 0.995, 0.9925, 0.99, 0.985, 0.98, 0.975, 0.97, 0.96, 0.95, 0.94, 0.93,
    0.92, 0.91, 0.90, 0.88, 0.86, 0.84, 0.82, 0.80, 0.775, 0.75, 0.70, 0.65, 0.60, 0.55, 0.50, 0.40, 0.30, 0.20, 0.10,
    0.0,
)
# fmt: on
"""Thresholds of a confidence in 0 to 1, highest first."""
_ERRORS_AT_START = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """A label of a random sample: the model's confidence in 0 to 1, and whether it was wrong."""

    confidence: float
    wrong: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A slice's threshold, None where nothing may be taken unseen, and what it rests on.

    `sample` labels were seen in the slice; n of them are at or above the threshold and k of those wrong. `p_value` is
    that of the threshold, `upper` the exact upper bound of its errors at `delta`. Without a threshold they describe
    the first that failed (n = 0 where none was tried).
    """

    threshold: float | None
    sample: int
    n: int
    k: int
    p_value: float
    upper: float
    delta: float


def fit(seen: Sequence[Seen], target: float, delta: float, n_min: int) -> Fit:
    """The lowest threshold above which at most `target` are wrong, unless with a chance of `delta`.

    None for fewer than `n_min` labels, or where no threshold holds.
    """
    sample = len(seen)
    none = Fit(None, sample, 0, 0, 1.0, 1.0, delta)
    if sample < n_min:
        return none
    counts = _above(seen)
    first = _start([n for n, _ in counts], target, delta)
    best: Fit | None = None
    for threshold, (n, k) in list(zip(GRID, counts, strict=True))[first:]:
        p_value = binomial_cdf(k, n, target) if n else 1.0
        tried = Fit(threshold, sample, n, k, p_value, upper_bound(k, n, delta), delta)
        if p_value > delta:
            return best or Fit(None, sample, n, k, p_value, tried.upper, delta)
        # A lower one is worth having only for labels that were seen: it must not let through what nobody looked at.
        if best is None or n > best.n:
            best = tried
    return best or none


def _above(seen: Sequence[Seen]) -> list[tuple[int, int]]:
    """How many labels are at or above each threshold of the grid, and how many of them are wrong."""
    ordered = sorted(seen, key=lambda s: -s.confidence)
    wrong = [0, *accumulate(s.wrong for s in ordered)]
    numbers = [bisect_right(ordered, -threshold, key=lambda s: -s.confidence) for threshold in GRID]
    return [(n, wrong[n]) for n in numbers]


def _start(numbers: Sequence[int], target: float, delta: float) -> int:
    """Index of the threshold to begin with.

    The fewest items that prove anything are those without an error; where half of the sample allows it, so many that
    a few errors do not end it all.
    """
    least = items_for(0, target, delta)
    wanted = max(least, min(items_for(_ERRORS_AT_START, target, delta), numbers[-1] // 2))
    return next((i for i, n in enumerate(numbers) if n >= wanted), len(numbers))


def share_of(delta: float, fits: int, slices: int) -> float:
    """What a slice may spend of `delta` in the fit of that number, from 1.

    The fits of a policy share it as 6 / (pi f)^2, which sums to 1 over any number of them, and a fit's slices share
    what it has in equal parts: so the chance that any threshold of any slice is ever wrong is at most `delta`.
    """
    return delta * 0.6079271018540267 / fits**2 / max(slices, 1)
