"""Single choices of an asset as its answers arrive: from what is known of their annotators, not from all votes anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labels.ontology import Ontology, Tool, ToolKind
from qa_engine.consensus.methods import Method, models_of
from qa_engine.consensus.resolution import Answer
from qa_engine.consensus.truth import SHARE_ITEMS, believe, shares
from qa_engine.consensus.votes import Floats

MIN_VOTES = 50
"""Votes in a tool, of all people, from which on people are told apart; before, heads are counted."""
MAX_TOGETHER = 64
"""Categories up to which each is looked at; with more, those that nobody gave the asset are one."""
_LEAST = 0.001

Counts = Mapping[tuple[str, str], float]
Added = list[tuple[str, str, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Known:
    """How often who said what of what is true in a tool: by (truth, said), of some annotators and of everyone."""

    own: Mapping[str, Counts]
    crowd: Counts


NOTHING_KNOWN = Known({}, {})


def single_tools(ontology: Ontology) -> tuple[Tool, ...]:
    """Tools with one category for an asset."""
    return tuple(tool for tool in ontology.tools if tool.kind is ToolKind.CHOICE_SINGLE)


def said(answers: Sequence[Answer], tool: Tool) -> list[tuple[str, str]]:
    """(annotator, category) of each answer but rejections; empty for none."""
    return [
        (answer.annotator, next((a.category for a in answer.annotations if a.tool == tool.name), ""))
        for answer in answers
        if not answer.rejects
    ]


def posterior(tool: Tool, votes: Sequence[tuple[str, str]], known: Known, method: Method) -> Floats | None:
    """Probabilities of the tool's categories and, last, of none; None where heads are to be counted."""
    full = (*tool.category_names, "")
    models = models_of(method)
    # One probability is for a tool that nobody used: its category of none says nothing.
    if not models or not any(category for _, category in votes) or sum(known.crowd.values()) < MIN_VOTES:
        return None
    names = _looked_at(full, votes)
    place = {name: n for n, name in enumerate(names)}
    people = list(dict.fromkeys(annotator for annotator, _ in votes))
    counts = np.stack([_matrix(known.own.get(person, {}), place) for person in people])
    others = np.maximum(_matrix(known.crowd, place) - counts.sum(axis=0), 0)
    cast = [(people.index(person), place[category]) for person, category in votes if category in place]
    # Everyone else is one more annotator, so that the crowd's ways of erring are known in full.
    everyone = np.concatenate((counts, others[None]))
    # Counts are of votes: an item of a category weighs as many as this one has.
    before = shares(everyone.sum(axis=(0, 2)), SHARE_ITEMS * len(cast))
    found = np.mean([believe(everyone, cast, model, before) for model in models], axis=0)
    return _spread_out(found, names, full)


def _looked_at(full: Sequence[str], votes: Sequence[tuple[str, str]]) -> tuple[str | None, ...]:
    """The categories to look at, None for the rest together."""
    if len(full) <= MAX_TOGETHER:
        return tuple(full)
    given = {category for _, category in votes}
    return (*(name for name in full if name in given), None)


def _matrix(counts: Counts, place: Mapping[str | None, int]) -> Floats:
    found = np.zeros((len(place), len(place)))
    rest = place.get(None)
    for (truth, category), amount in counts.items():
        at = place.get(truth, rest), place.get(category, rest)
        # Categories that the ontology no longer has are left out.
        if at[0] is not None and at[1] is not None:
            found[at] += amount
    return found


def _spread_out(found: Floats, names: Sequence[str | None], full: Sequence[str]) -> Floats:
    place = {name: n for n, name in enumerate(names)}
    left = max(1, len(full) - len(names) + 1)
    return np.asarray([found[place[n]] if n in place else found[place[None]] / left for n in full])


def added(tool: Tool, votes: Sequence[tuple[str, str]], posterior: Floats | None) -> Added:
    """What the asset's votes add to the counts: (annotator, said, {truth: amount}), amounts of a vote sum to about 1.

    Without a posterior, what more than half said is taken for true, and where nobody has more, the shares of the votes:
    shares alone would make everyone who is in the majority look as wrong as those who are not.
    """
    if not any(category for _, category in votes):
        return []
    names = (*tool.category_names, "")
    if posterior is None:
        cast = [category for _, category in votes]
        truth = {name: cast.count(name) / len(cast) for name in dict.fromkeys(cast)}
        truth = next(({name: 1.0} for name, share in truth.items() if share > 0.5), truth)
    else:
        truth = {n: float(p) for n, p in zip(names, posterior, strict=True) if p >= _LEAST}
    return [(annotator, category, truth) for annotator, category in votes]
