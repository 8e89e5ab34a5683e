"""Few-shot examples: which reviewed labels stand in a prompt, and how (pure).

RANDOM_PER_CLASS(k, seed): for each category in the ontology's order, k of the reviewed labels that hold it,
drawn uniformly without replacement. The draw depends on the seed, the tool, the category and the set of
labels only, not on the order in which they came.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from labels.label import Annotation, Choice, Span
from labels.ontology import Ontology, Tool, ToolKind
from llm_annotator.prompt import Shot
from llm_annotator.schema import ANSWER_KEY, text_tools

MAX_EXAMPLE_CHARS = 4_000
"""Longer texts stay out of the bank: one of them would fill a small model's context."""


class Pool(StrEnum):
    """Which reviewed labels may become examples."""

    REVIEWED = "REVIEWED"
    CORRECTED = "CORRECTED"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reviewed label: what the draw needs to know. `classes` are (tool, category)."""

    label_uid: str
    asset_uid: str
    corrected: bool
    classes: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Example:
    """A reviewed label with its text and the reply it stands for."""

    label_uid: str
    asset_uid: str
    shot: Shot


def classes_of(annotations: Sequence[Annotation]) -> frozenset[tuple[str, str]]:
    """The (tool, category) pairs that a label claims."""
    return frozenset((a.tool, a.category) for a in annotations)


def draw_per_class(
    candidates: Sequence[Candidate], ontology: Ontology, k: int, seed: int, pool: Pool
) -> list[Candidate]:
    """Up to k candidates for each category, each label once, in the ontology's order."""
    ordered = sorted(
        (one for one in candidates if pool is Pool.REVIEWED or one.corrected), key=lambda one: one.label_uid
    )
    drawn: dict[str, Candidate] = {}
    for tool in text_tools(ontology):
        for name in tool.category_names:
            holders = [one for one in ordered if (tool.name, name) in one.classes]
            random = Random(f"{seed}/{tool.name}/{name}")  # noqa: S311 - repeatable, not secret
            for one in random.sample(holders, min(k, len(holders))):
                drawn.setdefault(one.label_uid, one)
    return list(drawn.values())


def reply_of(annotations: Sequence[Annotation], ontology: Ontology) -> str | None:
    """The reply that claims these annotations; None when the ontology no longer allows them."""
    tools = text_tools(ontology)
    answers: dict[str, Any] = {}
    for tool in tools:
        answer = _answer(tool, [a for a in annotations if a.tool == tool.name])
        if answer is None:
            return None
        answers[tool.name] = answer
    plain = answers[tools[0].name] if len(tools) == 1 else answers
    return json.dumps(plain, ensure_ascii=False)


def _answer(tool: Tool, annotations: Sequence[Annotation]) -> Mapping[str, Any] | None:
    names = tool.category_names
    if any(a.category not in names for a in annotations):
        return None
    key = ANSWER_KEY[tool.kind]
    if tool.kind is ToolKind.SPAN:
        spans = sorted(
            ((a.value, a.category) for a in annotations if isinstance(a.value, Span)),
            key=lambda one: (one[0].start, one[0].end),
        )
        return {key: [{"text": span.text, "category": category} for span, category in spans]}
    named = [a.category for a in annotations if isinstance(a.value, Choice)]
    if tool.kind is ToolKind.CHOICE_MULTI:
        return {key: sorted(named, key=names.index)}
    return {key: named[0]} if len(named) == 1 else None
