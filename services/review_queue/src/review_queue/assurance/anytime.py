"""Bounds and tests that hold at every look at once, however often one looks, as pure functions.

A bet against "the share of errors is m" multiplies what it has with every item seen: by q / m where the item is
wrong, by (1 - q) / (1 - m) where it is right, if it bets on q. Against a true m it gains nothing on average, so it
reaches 1 / delta with a chance of at most delta, at whatever moment one looks (Ville, 1939). For items that are right
or wrong these are the betting martingales of Waudby-Smith and Ramdas, Journal of the Royal Statistical Society B 86
(2024). Here the bet is spread over all q on one side of m with the density of Jeffreys' prior, Beta(1/2, 1/2) (the
mixtures of Robbins, 1970), which leaves a closed form in the counts: no order of arrival has to be kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log, log1p

from review_queue.assurance.binomial import log_beta, log_beta_cdf, root

_A = _B = 0.5


@dataclass(frozen=True, slots=True)
class Stratum:
    """Part of a population: its `size` in items, and a random sample of it, n items of which k are wrong."""

    size: int
    k: int
    n: int


def log_evidence_below(k: int, n: int, m: float) -> float:
    """Logarithm of what a bet on fewer errors made of 1, against every share of at least m in 0 to 1 (open)."""
    mixed = log_beta(k + _A, n - k + _B) + log_beta_cdf(m, k + _A, n - k + _B)
    return mixed - log_beta(_A, _B) - log_beta_cdf(m, _A, _B) - _log_likelihood(k, n, m)


def log_evidence_above(k: int, n: int, m: float) -> float:
    """Logarithm of what a bet on more errors made of 1, against every share of at most m in 0 to 1 (open)."""
    return log_evidence_below(n - k, n, 1.0 - m)


def _log_likelihood(k: int, n: int, m: float) -> float:
    return k * log(m) + (n - k) * log1p(-m)


def upper_bound(k: int, n: int, delta: float) -> float:
    """Upper bound of a share of which k of n were seen: at no look is it wrong, with a chance of 1 - delta.

    1 where n is 0.
    """
    if k >= n:
        return 1.0
    # Below what was seen nothing speaks against a share from below, and above it the evidence grows.
    return root(lambda m: _believable(k, n, m, delta), max(k / n, 1e-12), 1.0)


def _believable(k: int, n: int, m: float, delta: float) -> bool:
    return m < 1.0 and log_evidence_below(k, n, m) < -log(delta)


def lower_bound(k: int, n: int, delta: float) -> float:
    """Lower bound of that share, as `upper_bound`; 0 where k is 0."""
    return 1.0 - upper_bound(n - k, n, delta) if k else 0.0


def stratified_upper_bound(strata: Sequence[Stratum], delta: float) -> float:
    """Upper bound, at every look, of the share of errors in the union of strata that were sampled separately.

    Strata may be sampled at different rates, as each bound is of one stratum (at delta divided by their number, so
    that all hold together) and counts by its size, not by its sample. An empty stratum counts for nothing, one
    without a sample as all wrong; 0 where all are empty.
    """
    filled = [s for s in strata if s.size > 0]
    total = sum(s.size for s in filled)
    if not total:
        return 0.0
    return sum(s.size * upper_bound(s.k, s.n, delta / len(filled)) for s in filled) / total


def exceeds(k: int, n: int, target: float, delta: float) -> bool:
    """Whether the errors seen so far disprove "at most `target`"; a true claim is ever disproved with <= delta."""
    evidence = log_evidence_above(k, n, target) if n else -inf
    return evidence >= -log(delta)
