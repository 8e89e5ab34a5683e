"""Counting within groups that lie one behind the other in columns."""

from collections.abc import Iterator

import numpy as np

from qa_engine.flat import Ints

_AT_ONCE = 1 << 20


def runs(counts: Ints) -> Ints:
    """0 to n - 1 for each n of `counts`, one behind the other."""
    steps: Ints = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return steps


def portions(counts: Ints) -> Iterator[Ints]:
    """Places of `counts` other than 0, in portions that sum to about a million; one place may be more."""
    rows = np.flatnonzero(counts)
    for some in np.split(rows, np.flatnonzero(np.diff(np.cumsum(counts[rows]) // _AT_ONCE)) + 1):
        if len(some):
            yield some


def pairs_within(owner: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Places (i, j), i < j, that have the same owner, in pieces; `owner` ascends."""
    counts = np.unique(owner, return_counts=True)[1]
    starts = np.cumsum(counts) - counts
    ends = np.repeat(starts + counts, counts)
    later = ends - np.arange(len(owner)) - 1
    for some in portions(later):
        i = np.repeat(some, later[some])
        yield i, i + 1 + runs(later[some])
