"""How people err: what each says, given what is true, from counts of both.

Every model is a function of counts (annotators x true x said, expected, at least 0) to probabilities of the same
shape whose last axis sums to 1 and in which nothing is 0. The priors are pseudo-counts, so what they are worth is
that many votes.

one_coin   an annotator is right with one probability, and wrong in all ways alike (Dawid & Skene 1979 with one
           parameter; Zhang et al. 2014). Prior Beta(1, 1).
confusion  a matrix for each annotator (Dawid & Skene 1979). Prior 0.1, and 1 more where said and true are the same.
shrunken   a matrix for each, drawn towards the annotator's own accuracy and the ways in which all err, so that a
           person with few votes is judged like the crowd (partial pooling, as in Paun et al. 2018). SHRINK_VOTES
           pseudo-counts a row; the accuracy itself is drawn towards the crowd's with ACCURACY_VOTES.
honest     says the truth or spams with a habit of its own (MACE, Hovy et al. 2013). Prior Beta(0.5, 0.5) as there.
"""

from collections.abc import Callable

import numpy as np

from qa_engine.consensus.votes import Floats

SHRINK_VOTES = 4.0
ACCURACY_VOTES = 2.0
_SPAM_VOTES = 10.0
_INNER_ROUNDS = 20
_LEAST = 1e-6
Model = Callable[[Floats], Floats]


def one_coin(counts: Floats) -> Floats:
    """The same probability of being right whatever is true."""
    right = np.einsum("akk->a", counts)
    accuracy = (right + 1) / (counts.sum(axis=(1, 2)) + 2)
    return _spread(accuracy, counts.shape[1])


def confusion(counts: Floats) -> Floats:
    """A matrix of its own for each annotator."""
    raised = counts + 0.1 + np.eye(counts.shape[1])
    rows: Floats = raised / raised.sum(axis=2, keepdims=True)
    return rows


def shrunken(counts: Floats) -> Floats:
    """A matrix for each annotator, drawn towards what is known of everyone."""
    same = np.eye(counts.shape[1])
    errors = (counts.sum(axis=0) + 0.1) * (1 - same)
    errors /= np.maximum(errors.sum(axis=1, keepdims=True), _LEAST)
    right, all_of = np.einsum("akk->a", counts), counts.sum(axis=(1, 2))
    crowd = (right.sum() + 1) / (all_of.sum() + 2)
    accuracy = (right + ACCURACY_VOTES * crowd) / (all_of + ACCURACY_VOTES)
    base = accuracy[:, None, None] * same + (1 - accuracy)[:, None, None] * errors
    raised = counts + SHRINK_VOTES * base + _LEAST
    rows: Floats = raised / raised.sum(axis=2, keepdims=True)
    return rows


def honest(counts: Floats) -> Floats:
    """The truth, or a category that the annotator likes."""
    categories = counts.shape[1]
    matching, said = np.einsum("akk->ak", counts), counts.sum(axis=1)
    honesty = np.full(len(counts), 0.7)
    habit = np.full(said.shape, 1 / categories)
    for _ in range(_INNER_ROUNDS):
        share = honesty[:, None] / (honesty[:, None] + (1 - honesty[:, None]) * habit)
        meant = matching * share
        honesty = (meant.sum(axis=1) + 0.5) / (said.sum(axis=1) + 1)
        habit = np.maximum(said - meant, 0) + _SPAM_VOTES / categories
        habit /= habit.sum(axis=1, keepdims=True)
    spam = (1 - honesty)[:, None, None] * habit[:, None, :]
    rows: Floats = honesty[:, None, None] * np.eye(categories) + spam
    return rows


def _spread(accuracy: Floats, categories: int) -> Floats:
    """Matrices of annotators that are right with these probabilities and err in all ways alike."""
    same = np.eye(categories)
    wrong = (1 - accuracy) / max(1, categories - 1)
    rows: Floats = np.where(same > 0, accuracy[:, None, None], wrong[:, None, None])
    spread: Floats = rows / rows.sum(axis=2, keepdims=True)
    return spread
