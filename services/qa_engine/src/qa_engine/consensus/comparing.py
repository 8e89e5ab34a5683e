"""Many assets' answers compared at once, and what they tell of people: models are fitted on all of them together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labels.errors import AnnotationInvalid
from labels.ontology import Ontology, Tool, ToolKind
from qa_engine.consensus import agreement
from qa_engine.consensus.agreement import Agreement
from qa_engine.consensus.arriving import said, single_tools
from qa_engine.consensus.methods import Method, aggregate
from qa_engine.consensus.policy import Policy
from qa_engine.consensus.quality import Quality, qualities
from qa_engine.consensus.resolution import Answer, Resolution, resolve
from qa_engine.consensus.shape_agreement import ShapeAgreement, shape_agreement
from qa_engine.consensus.votes import Floats, Votes, gather
from qa_engine.errors import VotesInvalid

MAX_PAIRS = 100
NONE = Resolution(None, 0.0, 0.0, {}, ())
"""Of answers that cannot be compared."""


@dataclass(frozen=True, slots=True)
class AssetAnswers:
    """The answers to an asset; only its uid and, for spans, its text are looked at."""

    asset_uid: str
    answers: tuple[Answer, ...]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ToolAgreement:
    """Measures of a tool; those that do not go with its kind are undefined."""

    alpha: Agreement = agreement.UNDEFINED
    fleiss_kappa: Agreement = agreement.UNDEFINED
    pairs: tuple[tuple[str, str, Agreement], ...] = ()
    exact_f1: Agreement = agreement.UNDEFINED
    overlap_f1: Agreement = agreement.UNDEFINED
    iou: Agreement = agreement.UNDEFINED


def votes_of(assets: Sequence[AssetAnswers], tool: Tool) -> Votes:
    """Votes in a tool of single choice, on the assets where anyone used it; "" is the vote for none, named last."""
    rows = [
        (asset.asset_uid, annotator, category)
        for asset in assets
        for votes in [said(asset.answers, tool)]
        if any(category for _, category in votes)
        for annotator, category in votes
    ]
    return gather(rows, (*tool.category_names, ""))


def compare(assets: Sequence[AssetAnswers], ontology: Ontology, policy: Policy) -> list[Resolution]:
    """What each asset's answers come to, in order. Raises VotesInvalid where a model cannot take so many."""
    posteriors: dict[str, dict[str, Floats]] = {}
    if policy.method is not Method.MAJORITY:
        for tool in single_tools(ontology):
            votes = votes_of(assets, tool)
            # Categories that the ontology no longer has come behind and are let go.
            rows = aggregate(votes, policy.method).posterior[:, : len(tool.categories) + 1]
            for uid, row in zip(votes.items, rows, strict=True):
                posteriors.setdefault(uid, {})[tool.name] = row
    return [_resolved(asset, ontology, policy, posteriors.get(asset.asset_uid, {})) for asset in assets]


def _resolved(
    asset: AssetAnswers, ontology: Ontology, policy: Policy, posteriors: Mapping[str, Floats]
) -> Resolution:
    try:
        return resolve(asset.answers, ontology, policy, posteriors, asset.text)
    except (VotesInvalid, AnnotationInvalid):
        return NONE


def agreement_in(assets: Sequence[AssetAnswers], tool: Tool) -> ToolAgreement:
    """How far people agree in the tool; of several choices, in which set of categories they gave."""
    if tool.kind is ToolKind.CHOICE_SINGLE:
        return _of_votes(votes_of(assets, tool))
    if tool.kind is ToolKind.CHOICE_MULTI:
        return _of_votes(_sets(assets, tool))
    several = [asset for asset in assets if len(asset.answers) > 1]
    found = [f for asset in several if (f := _shapes(asset, tool)) is not None]

    def measure(of: Callable[[ShapeAgreement], float]) -> Agreement:
        return agreement.mean(np.asarray([of(f) for f in found]))

    return ToolAgreement(
        exact_f1=measure(lambda f: f.exact_f1),
        overlap_f1=measure(lambda f: f.overlap_f1),
        iou=measure(lambda f: f.iou),
    )


def _shapes(asset: AssetAnswers, tool: Tool) -> ShapeAgreement | None:
    try:
        return shape_agreement([a for a in asset.answers if not a.rejects], tool.name)
    except (VotesInvalid, AnnotationInvalid):
        return None


def _sets(assets: Sequence[AssetAnswers], tool: Tool) -> Votes:
    rows = [
        (asset.asset_uid, answer.annotator, "\n".join(sorted(_categories(answer, tool))))
        for asset in assets
        for answer in asset.answers
        if not answer.rejects
    ]
    return gather(rows)


def _categories(answer: Answer, tool: Tool) -> set[str]:
    return {a.category for a in answer.annotations if a.tool == tool.name}


def _of_votes(votes: Votes) -> ToolAgreement:
    return ToolAgreement(
        alpha=agreement.alpha(votes),
        fleiss_kappa=agreement.fleiss_kappa(votes),
        pairs=tuple((a, b, agreement.cohen_kappa(votes, a, b)) for a, b in _pairs(votes)),
    )


def _pairs(votes: Votes) -> list[tuple[str, str]]:
    """Pairs of people with assets in common, those with most first, then by name."""
    answered = np.zeros((len(votes.annotators), len(votes.items)), dtype=np.float32)
    answered[votes.annotator_of, votes.item_of] = 1
    common = answered @ answered.T
    found = [(a, b) for a, b in combinations(range(len(common)), 2) if common[a, b]]
    found.sort(key=lambda pair: (-common[pair], pair))
    return [(votes.annotators[a], votes.annotators[b]) for a, b in found[:MAX_PAIRS]]


def quality_in(
    assets: Sequence[AssetAnswers], tool: Tool, method: Method
) -> tuple[tuple[Quality, ...], Votes]:
    """How good each person is in a tool of single choice, and the votes that say so. Raises VotesInvalid."""
    if tool.kind is not ToolKind.CHOICE_SINGLE:
        raise VotesInvalid("People are judged by tools of single choice.")
    votes = votes_of(assets, tool)
    return qualities(votes, method), votes
