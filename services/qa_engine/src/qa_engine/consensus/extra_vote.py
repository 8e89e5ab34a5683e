"""Whether one more vote is worth its price, and what a vote says of an item, from stored counts of each annotator."""

from collections.abc import Sequence

import numpy as np

from qa_engine.consensus.models import Model, shrunken
from qa_engine.consensus.votes import Floats

DEFAULT_CONFIDENCE = 0.9


def worth_another(confidence: float, votes: int, wanted: float = DEFAULT_CONFIDENCE, most: int = 7) -> bool:
    """Whether to ask one more person about an item answered `votes` times whose best category has `confidence`.

    It is as long as the chance of being wrong, 1 - confidence, is over 1 - `wanted` and fewer than `most` answered.
    """
    return votes < most and confidence < wanted


def believe(counts: Floats, said: Sequence[tuple[int, int]], model: Model = shrunken) -> Floats:
    """Probabilities of the categories, given votes (annotator, category) about one item, by place, and counts
    (annotators x true x said) of earlier ones.

    The counts stay as they are, so that a vote costs no new estimate of everything.
    """
    matrices = model(counts)
    logs = np.zeros(counts.shape[1])
    for annotator, category in said:
        logs += np.log(matrices[annotator, :, category])
    raised: Floats = np.exp(logs - logs.max())
    posterior: Floats = raised / raised.sum()
    return posterior
