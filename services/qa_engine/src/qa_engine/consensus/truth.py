"""What is true, from votes and a model of how people err, by expectation and maximisation (Dawid & Skene 1979).

Categories are equally likely before anyone votes: what is rare in a small batch is not held against a vote for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_engine.consensus.models import Model
from qa_engine.consensus.votes import Floats, Votes
from qa_engine.errors import VotesInvalid

MAX_ROUNDS = 200
TOLERANCE = 1e-5
"""Rounds end when no probability changes by more."""
MAX_MATRIX = 20_000_000
"""Most cells of the annotators' matrices together, 160 MB."""


@dataclass(frozen=True, slots=True)
class Truth:
    """`posterior` is items x categories, rows sum to 1; `matrices` annotators x true x said, likewise.

    `log_likelihood` is that of the votes in nats; `rounds` how many were needed, at most MAX_ROUNDS.
    """

    posterior: Floats
    matrices: Floats
    log_likelihood: float
    rounds: int


def estimate(votes: Votes, model: Model) -> Truth:
    """The most likely truth under the model, from the shares of votes on. Deterministic. Raises VotesInvalid."""
    if len(votes.annotators) * len(votes.categories) ** 2 > MAX_MATRIX:
        raise VotesInvalid(
            "There are too many annotators and categories for this method; majority takes them."
        )
    counted = votes.counts()
    posterior = counted / counted.sum(axis=1, keepdims=True)
    matrices, likelihood, rounds = model(expected(votes, posterior)), 0.0, 0
    while rounds < MAX_ROUNDS:
        rounds += 1
        before = posterior
        posterior, likelihood = infer(votes, matrices)
        matrices = model(expected(votes, posterior))
        if not posterior.size or np.abs(posterior - before).max() < TOLERANCE:
            break
    return Truth(posterior, matrices, likelihood, rounds)


def believe(counts: Floats, said: Sequence[tuple[int, int]], model: Model) -> Floats:
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


def expected(votes: Votes, posterior: Floats) -> Floats:
    """How often each annotator said what of what is true, annotators x true x said, weighted by the posterior."""
    annotators, categories = len(votes.annotators), len(votes.categories)
    cell = votes.annotator_of * categories + votes.category_of
    columns = [
        np.bincount(cell, posterior[votes.item_of, true], annotators * categories)
        for true in range(categories)
    ]
    counts = np.asarray(columns, dtype=np.float64).reshape(categories, annotators, categories)
    return np.ascontiguousarray(counts.transpose(1, 0, 2))


def infer(votes: Votes, matrices: Floats) -> tuple[Floats, float]:
    """Posterior of each item, and the log likelihood of all votes in nats."""
    categories = len(votes.categories)
    said = np.log(matrices)[votes.annotator_of, :, votes.category_of]
    size = len(votes.items)
    logs = np.column_stack([np.bincount(votes.item_of, said[:, k], size) for k in range(categories)])
    logs -= np.log(categories)
    top = logs.max(axis=1, keepdims=True)
    raised = np.exp(logs - top)
    total = raised.sum(axis=1, keepdims=True)
    return raised / total, float((np.log(total) + top).sum())
