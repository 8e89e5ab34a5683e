"""Whether one more vote is worth its price, and what a vote says of an item, from stored counts of each annotator."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_engine.consensus.models import shrunken
from qa_engine.consensus.votes import Floats

DEFAULT_CONFIDENCE = 0.9


def worth_another(confidence: float, votes: int, wanted: float = DEFAULT_CONFIDENCE, most: int = 7) -> bool:
    """Whether to ask one more person about an item answered `votes` times whose best category has `confidence`.

    It is as long as the chance of being wrong, 1 - confidence, is over 1 - `wanted` and fewer than `most` answered.
    """
    return votes < most and confidence < wanted


@dataclass(frozen=True, slots=True)
class Belief:
    """The likeliest category by its place, and its probability."""

    category: int
    confidence: float


def believe(counts: Floats, said: Sequence[tuple[int, int]]) -> Belief:
    """What votes (annotator, category), by place, say of one item, given counts (annotators x true x said) so far.

    The counts stay as they are, so that a vote costs no new estimate of everything. Ties go to the first category.
    """
    matrices = shrunken(counts)
    logs = np.zeros(counts.shape[1])
    for annotator, category in said:
        logs += np.log(matrices[annotator, :, category])
    raised = np.exp(logs - logs.max())
    posterior = raised / raised.sum()
    best = int(np.argmax(posterior >= posterior.max() - 1e-12))
    return Belief(best, float(posterior[best]))
