"""Methods of consensus on one category for an item."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qa_engine.consensus.models import Model, confusion, honest, one_coin, shrunken
from qa_engine.consensus.truth import estimate, expected
from qa_engine.consensus.votes import Floats, Votes


class Method(StrEnum):
    """How one category is found from votes.

    MAJORITY counts heads. WEIGHTED counts each head by how often it agrees with the weighted majority. ONE_COIN,
    DAWID_SKENE, SHRUNKEN and MACE are the models of `consensus.models`. POOLED, the default, is the mean of the
    posteriors of ONE_COIN and SHRUNKEN: the first is steady with few votes, the second sees habits.
    """

    MAJORITY = "MAJORITY"
    WEIGHTED = "WEIGHTED"
    ONE_COIN = "ONE_COIN"
    DAWID_SKENE = "DAWID_SKENE"
    SHRUNKEN = "SHRUNKEN"
    MACE = "MACE"
    POOLED = "POOLED"

    @property
    def modelled(self) -> bool:
        """Whether its posteriors are probabilities rather than shares of votes."""
        return self not in (Method.MAJORITY, Method.WEIGHTED)


DEFAULT = Method.POOLED
_MODELS: Mapping[Method, Model] = {
    Method.ONE_COIN: one_coin,
    Method.DAWID_SKENE: confusion,
    Method.SHRUNKEN: shrunken,
    Method.MACE: honest,
}
_MEMBERS: Mapping[Method, tuple[Model, ...]] = {
    Method.POOLED: (one_coin, shrunken),
    **{method: (model,) for method, model in _MODELS.items()},
}
_WEIGHT_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the votes come to.

    `posterior` is items x categories, rows sum to 1: probabilities by the method's model, shares of votes with
    MAJORITY and WEIGHTED. `counts`, annotators x true x said, is how often each said what, weighted by it.
    `chosen` is the likeliest category, the first of those named where several are; `tied` says whether several were.
    """

    posterior: Floats
    counts: Floats
    chosen: NDArray[np.intp]
    tied: NDArray[np.bool_]


def aggregate(votes: Votes, method: Method = DEFAULT) -> Outcome:
    """Raises VotesInvalid where the method cannot take so many annotators and categories."""
    shape = (len(votes.items), len(votes.categories))
    posterior = _FOUND[method](votes) if votes.items else np.zeros(shape)
    best = posterior >= posterior.max(axis=1, initial=0.0, keepdims=True) - 1e-12
    chosen = best.argmax(axis=1) if votes.items else np.zeros(0, dtype=np.intp)
    return Outcome(posterior, expected(votes, posterior), chosen, best.sum(axis=1) > 1)


def majority(votes: Votes) -> Floats:
    """Shares of the votes."""
    return _shares(votes.counts())


def weighted(votes: Votes) -> Floats:
    """Shares where a vote counts as often as its annotator agrees with the outcome, found by turns.

    The agreement is (right + 1) / (all + 2), so that nobody counts nothing.
    """
    weights = np.ones(len(votes.annotators))
    cast = np.bincount(votes.annotator_of, minlength=len(weights))
    for _ in range(_WEIGHT_ROUNDS):
        shares = _shares(votes.counts(weights))
        best = shares >= shares.max(axis=1, keepdims=True) - 1e-12
        # Where several lead, each is right by its share, or the first named would win by its name.
        hit = (best / best.sum(axis=1, keepdims=True))[votes.item_of, votes.category_of]
        weights = (np.bincount(votes.annotator_of, hit, len(weights)) + 1) / (cast + 2)
    return _shares(votes.counts(weights))


def models_of(method: Method) -> tuple[Model, ...]:
    """The models whose posteriors the method takes the mean of; none where it counts heads."""
    return _MEMBERS.get(method, ())


def _modelled(method: Method) -> Callable[[Votes], Floats]:
    members = _MEMBERS[method]

    def found(votes: Votes) -> Floats:
        return sum((estimate(votes, model).posterior for model in members), np.zeros(1)) / len(members)

    return found


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


_FOUND: Mapping[Method, Callable[[Votes], Floats]] = {
    Method.MAJORITY: majority,
    Method.WEIGHTED: weighted,
    **{method: _modelled(method) for method in _MEMBERS},
}
