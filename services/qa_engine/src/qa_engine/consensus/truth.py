"""What is true, from votes and a model of how people err, by expectation and maximisation (Dawid & Skene 1979).

How likely a category is before anyone votes on an item is estimated along with the rest (Dawid & Skene again), from
SHARE_ITEMS items of each category on: so what is rare in a small batch is hardly held against a vote for it. Where an
item has one vote, who is right cannot be told from what is common; such items say nothing of the shares, and are not
judged by them.
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
SHARE_ITEMS = 3.0
"""Pseudo-count of items a category, the mode under a Dirichlet prior of one more."""
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


def estimate(votes: Votes, model: Model, share_items: float = SHARE_ITEMS) -> Truth:
    """The most likely truth under the model, from the shares of votes on. Deterministic. Raises VotesInvalid."""
    if len(votes.annotators) * len(votes.categories) ** 2 > MAX_MATRIX:
        raise VotesInvalid(
            "There are too many annotators and categories for this method; majority takes them."
        )
    counted = votes.counts()
    posterior = counted / counted.sum(axis=1, keepdims=True)
    several = np.bincount(votes.item_of, minlength=len(votes.items))[:, None] > 1
    matrices, likelihood, rounds = model(expected(votes, posterior)), 0.0, 0
    while rounds < MAX_ROUNDS:
        rounds += 1
        before = posterior
        common = shares((posterior * several).sum(axis=0), share_items)
        posterior, likelihood = infer(votes, matrices, np.where(several, common, 1 / len(common)))
        matrices = model(expected(votes, posterior))
        if not posterior.size or np.abs(posterior - before).max() < TOLERANCE:
            break
    return Truth(posterior, matrices, likelihood, rounds)


def shares(items: Floats, pseudo: float = SHARE_ITEMS) -> Floats:
    """How likely each category is before anyone votes, of so many items (or votes) that were found to be in each."""
    raised: Floats = items + pseudo
    found: Floats = raised / raised.sum()
    return found


def believe(counts: Floats, said: Sequence[tuple[int, int]], model: Model, before: Floats) -> Floats:
    """Probabilities of the categories, given votes (annotator, category) about one item, by place, counts
    (annotators x true x said) of earlier ones, and the probabilities before anyone voted.

    The counts stay as they are, so that a vote costs no new estimate of everything.
    """
    matrices = model(counts)
    logs = np.log(before)
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


def infer(votes: Votes, matrices: Floats, before: Floats) -> tuple[Floats, float]:
    """Posterior of each item, and the log likelihood of all votes in nats; `before` is items x categories, what was
    likely before anyone voted."""
    categories = len(votes.categories)
    said = np.log(matrices)[votes.annotator_of, :, votes.category_of]
    size = len(votes.items)
    logs = np.column_stack([np.bincount(votes.item_of, said[:, k], size) for k in range(categories)])
    logs += np.log(before)
    top = logs.max(axis=1, keepdims=True)
    raised = np.exp(logs - top)
    total = raised.sum(axis=1, keepdims=True)
    return raised / total, float((np.log(total) + top).sum())
