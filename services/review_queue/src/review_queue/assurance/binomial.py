"""The binomial distribution and the exact bounds that follow from it, as pure functions.

The incomplete beta function is evaluated by its continued fraction (NIST Digital Library of Mathematical
Functions, 8.17.22) with the forward recurrence of Lentz; the tests compare it with exact fractions.
"""

from collections.abc import Callable
from math import exp, inf, lgamma, log, log1p

_STEPS = 10_000
_ACCURACY = 1e-15
_TINY = 1e-300
_HALVINGS = 100


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b) for x in 0 to 1 and positive a, b."""
    return exp(log_beta_cdf(x, a, b))


def log_beta_cdf(x: float, a: float, b: float) -> float:
    """Natural logarithm of `beta_cdf`, exact also where the value itself would be 0; -inf at x = 0."""
    if x <= 0.0:
        return -inf
    if x >= 1.0:
        return 0.0
    front = a * log(x) + b * log1p(-x) - log_beta(a, b)
    # The fraction converges quickly on the mean's left; on its right the other tail does.
    if x <= (a + 1) / (a + b + 2):
        return min(0.0, front + log(_fraction(x, a, b) / a))
    other = exp(front) * _fraction(1.0 - x, b, a) / b
    return log1p(-other) if other < 1.0 else -inf


def log_beta(a: float, b: float) -> float:
    """Natural logarithm of the beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _ACCURACY:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Chance of at most k successes in n trials of probability p."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0.0:
        return 1.0
    return beta_cdf(1.0 - p, n - k, k + 1) if p < 1.0 else 0.0


def upper_bound(k: int, n: int, delta: float) -> float:
    """One-sided upper bound of a share of which k of n were seen; wrong with a chance of at most `delta`.

    Clopper and Pearson, Biometrika 26 (1934). It holds for one look at a sample whose size was not chosen by what
    it showed; `anytime.upper_bound` holds for any number of looks. 1 where n is 0.
    """
    if k >= n:
        return 1.0
    return root(lambda p: binomial_cdf(k, n, p) > delta, k / n, 1.0)


def lower_bound(k: int, n: int, delta: float) -> float:
    """One-sided lower bound of that share; 0 where k is 0."""
    return 1.0 - upper_bound(n - k, n, delta) if k else 0.0


def interval(k: int, n: int, delta: float) -> tuple[float, float]:
    """Two-sided interval of that share; each end is wrong with a chance of at most delta / 2."""
    return lower_bound(k, n, delta / 2), upper_bound(k, n, delta / 2)


def items_for(errors: int, target: float, delta: float) -> int:
    """How many items with that many errors among them prove a share of at most `target`, in 0 to 1."""
    low, high = errors, errors + 1
    while binomial_cdf(errors, high, target) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binomial_cdf(errors, middle, target) > delta else (low, middle)
    return high


def root(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds from `low` on stops holding, rounded towards `high`."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if below(middle) else (low, middle)
    return high
