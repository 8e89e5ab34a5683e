"""How far people agree beyond chance, each number with n and an interval.

alpha            Krippendorff, "Content Analysis" (2004), ch. 11: 1 - observed / expected disagreement, over pairs in
                 the coincidence matrix; any number of annotators an item, gaps allowed. Nominal categories.
fleiss_kappa     Fleiss (1971), in the form for items with any number of votes from 2 on.
cohen_kappa      Cohen (1960), of two annotators over the items that both answered.

Intervals are percentiles of a bootstrap over items (Efron & Tibshirani 1993) with a fixed seed: the same votes make
the same interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qa_engine.consensus.votes import Floats, Votes

SAMPLES = 1_000
SEED = 20_240_607
LEVEL = 0.95
_CELLS_AT_ONCE = 5_000_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """`value` is at most 1, NaN where it is not defined; `lower` and `upper` hold it at LEVEL; `n` items counted."""

    value: float
    lower: float
    upper: float
    n: int


UNDEFINED = Agreement(np.nan, np.nan, np.nan, 0)


def alpha(votes: Votes) -> Agreement:
    """Krippendorff's alpha for nominal categories; undefined when all votes are for one category."""
    counts = _comparable(votes.counts())
    return bootstrapped(len(counts), lambda times: _alpha(counts, times))


def fleiss_kappa(votes: Votes) -> Agreement:
    """Fleiss' kappa; undefined when all votes are for one category."""
    counts = _comparable(votes.counts())
    return bootstrapped(len(counts), lambda times: _fleiss(counts, times))


def cohen_kappa(votes: Votes, one: str, other: str) -> Agreement:
    """Cohen's kappa of two annotators by name; undefined without items that both answered."""
    said = [_said(votes, name) for name in (one, other)]
    both = (said[0] >= 0) & (said[1] >= 0)
    first, second = (np.eye(len(votes.categories))[s[both]] for s in said)
    return bootstrapped(int(both.sum()), lambda times: _cohen(first, second, times))


def _said(votes: Votes, annotator: str) -> np.ndarray:
    """What the annotator said of each item, -1 where nothing."""
    said = np.full(len(votes.items), -1)
    if annotator in votes.annotators:
        mine = votes.annotator_of == votes.annotators.index(annotator)
        said[votes.item_of[mine]] = votes.category_of[mine]
    return said


def _comparable(counts: Floats) -> Floats:
    """Items with two votes and more: one alone agrees with nobody."""
    comparable: Floats = counts[counts.sum(axis=1) >= 2]
    return comparable


def _alpha(counts: Floats, times: Floats) -> Floats:
    size = counts.sum(axis=1)
    # Pairs of an item that agree, each vote worth as much as it has partners.
    agreeing = (counts * (counts - 1)).sum(axis=1) / (size - 1)
    total, per_category = times @ size, times @ counts
    observed = 1 - times @ agreeing / total
    expected = 1 - (per_category * (per_category - 1)).sum(axis=1) / (total * (total - 1))
    return _ratio(observed, expected)


def _fleiss(counts: Floats, times: Floats) -> Floats:
    size = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    observed = times @ agreeing / times.sum(axis=1)
    shares = times @ counts / (times @ size)[:, None]
    return _ratio(1 - observed, 1 - (shares**2).sum(axis=1))


def _cohen(first: Floats, second: Floats, times: Floats) -> Floats:
    n = times.sum(axis=1)
    observed = times @ (first * second).sum(axis=1) / n
    expected = ((times @ first) * (times @ second)).sum(axis=1) / n**2
    return _ratio(1 - observed, 1 - expected)


def _ratio(observed: Floats, expected: Floats) -> Floats:
    """1 - observed / expected disagreement, NaN where none is expected."""
    defined = expected > 1e-12
    return np.where(defined, 1 - observed / np.where(defined, expected, 1), np.nan)


def mean(values: Floats) -> Agreement:
    """Mean of a number of each item, such as the IoU of its matched shapes."""
    return bootstrapped(len(values), lambda times: times @ values / times.sum(axis=1))


def bootstrapped(n: int, statistic: Callable[[Floats], Floats]) -> Agreement:
    """A statistic of n items and its interval.

    `statistic` takes how often each item counts, samples x n, and gives a number for each sample.
    """
    if n == 0:
        return UNDEFINED
    value = float(statistic(np.ones((1, n)))[0])
    rng = np.random.default_rng(SEED)
    step = max(1, _CELLS_AT_ONCE // n)
    parts = []
    for start in range(0, SAMPLES, step):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=min(step, SAMPLES - start))
        parts.append(statistic(drawn.astype(np.float64)))
    found = np.concatenate(parts)
    found = found[~np.isnan(found)]
    if np.isnan(value) or not len(found):
        return Agreement(value, np.nan, np.nan, n)
    lower, upper = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Agreement(value, float(lower), float(upper), n)
