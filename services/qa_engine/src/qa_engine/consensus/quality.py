"""How good each annotator is, as the votes of all tell.

What is true is not known, so this is accuracy against the consensus, weighted by how sure it is; where gold is known,
that is the better measure.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from qa_engine.consensus.methods import DEFAULT, Method, aggregate
from qa_engine.consensus.votes import Floats, Votes

LEVEL = 0.95
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True)
class Quality:
    """`accuracy` in 0 to 1 with its Wilson interval at LEVEL (Wilson 1927); `votes` counted.

    `confusion` is true x said, expected counts.
    """

    annotator: str
    votes: int
    accuracy: float
    lower: float
    upper: float
    confusion: Floats


def qualities(votes: Votes, method: Method = DEFAULT) -> tuple[Quality, ...]:
    """Of every annotator, in order of their names. Raises VotesInvalid."""
    counts = aggregate(votes, method).counts
    cast = np.bincount(votes.annotator_of, minlength=len(votes.annotators))
    right = np.einsum("akk->a", counts)
    return tuple(
        Quality(name, int(n), float(hit / n), *wilson(float(hit), int(n)), confusion)
        for name, n, hit, confusion in zip(votes.annotators, cast, right, counts, strict=True)
    )


def wilson(right: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of `right` of n, n at least 1; `right` may be an expected number."""
    share = right / n
    middle = share + _Z**2 / (2 * n)
    reach = _Z * sqrt(max(0.0, share * (1 - share)) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
