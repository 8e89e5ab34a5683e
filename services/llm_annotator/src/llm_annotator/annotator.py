"""Pre-annotation: a text and a plan in, a prediction out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from labels.label import (
    MAX_ANNOTATIONS,
    Annotation,
    Choice,
    Label,
    LabelKind,
    UnplacedMention,
    annotation_id,
)
from llm_annotator.align import Alignment, align
from llm_annotator.answer import Answer, ToolAnswer
from llm_annotator.confidence import Sureness, measure, overall
from llm_annotator.errors import LogprobsMissing, MalformedReply, PromptTooLong, ReplyCut, TooManyAnnotations
from llm_annotator.parse import Unusable
from llm_annotator.plan import Plan, Prompt, estimated_tokens
from llm_annotator.prompt import Message, repair
from llm_annotator.tokens import RawToken, TokenLine

MAX_UNPLACED = 1_000
MAX_UNPLACED_CHARS = 1_000

# Aligning a text of this many characters may take longer than other requests should wait.
_LONG_TEXT_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply: `cut` if it ended at the output limit; tokens as the endpoint counted them.

    `fingerprint` is what the endpoint says of the version that answered, empty where it says nothing.
    """

    text: str
    cut: bool
    tokens: Sequence[RawToken] | None
    model: str
    prompt_tokens: int
    completion_tokens: int
    fingerprint: str = ""


class LanguageModel(Protocol):
    """Completes messages, its output held to the plan's schema where the endpoint can."""

    async def complete(self, messages: Sequence[Message], plan: Plan) -> Completion:
        """The reply; raises ItemError, EndpointError or TransientFault."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A label without a name or an asset, and what it cost."""

    label: Label
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reply that was understood: its answer, and where its mentions stand, by tool."""

    answer: Answer
    alignments: Mapping[str, Alignment]

    @property
    def unplaced(self) -> int:
        return sum(len(alignment.unplaced) for alignment in self.alignments.values())


class Annotator:
    """Labels texts with a language model."""

    def __init__(self, model: LanguageModel, context_tokens: int) -> None:
        self._model = model
        self._context_tokens = context_tokens

    async def pre_annotate(self, text: str, context: Mapping[str, str], plan: Plan) -> Prediction:
        """The model's label for a text.

        A reply that cannot be used or names entities that are not in the text is shown to the model once,
        with what is wrong. Then: an unusable reply raises MalformedReply or ReplyCut, entities without a
        place become unplaced mentions. Other errors are those of LanguageModel.
        """
        prompt = plan.prompt(text, context)
        if estimated_tokens(prompt.messages) + plan.max_tokens > self._context_tokens:
            raise PromptTooLong
        first = await self._model.complete(prompt.messages, plan)
        reading, complaint = await _read(first, text, plan)
        if reading is not None and not complaint:
            return Prediction(
                _label(reading, first, prompt, plan), first.prompt_tokens, first.completion_tokens
            )
        again = (*prompt.messages, *repair(first.text, complaint))
        second = await self._model.complete(again, plan)
        repaired, _ = await _read(second, text, plan)
        best, source = _better((repaired, second), (reading, first))
        if best is None:
            raise ReplyCut if second.cut else MalformedReply
        label = _label(best, source, prompt, plan)
        return Prediction(
            label,
            first.prompt_tokens + second.prompt_tokens,
            first.completion_tokens + second.completion_tokens,
        )


def _better(
    repaired: tuple[_Reading | None, Completion], first: tuple[_Reading | None, Completion]
) -> tuple[_Reading | None, Completion]:
    """The repaired reply, unless it cannot be used or places fewer of what it names than the first did."""
    if repaired[0] is None or (first[0] is not None and first[0].unplaced < repaired[0].unplaced):
        return first
    return repaired


async def _read(completion: Completion, text: str, plan: Plan) -> tuple[_Reading | None, str]:
    """The reply as understood, and the complaint to the model about it, empty when there is none."""
    if completion.cut:
        return None, "it was cut at the output limit; give a shorter one."
    try:
        answer = plan.parser.parse(completion.text)
    except Unusable as problem:
        return None, str(problem)
    if len(text) > _LONG_TEXT_CHARS:
        reading = await asyncio.to_thread(_align, answer, text)
    else:
        reading = _align(answer, text)
    if not reading.unplaced:
        return reading, ""
    missing = [
        one.mentions[i].text[:MAX_UNPLACED_CHARS]
        for one in answer
        if one.ends is not None and one.tool.name in reading.alignments
        for i in reading.alignments[one.tool.name].unplaced
    ]
    listed = ", ".join(f'"{string}"' for string in missing[:10])
    return (
        reading,
        f"these entities do not stand in the text as often as named, character by character: {listed}.",
    )


def _align(answer: Answer, text: str) -> _Reading:
    alignments = {
        one.tool.name: align(text, [(m.text, m.named.category) for m in one.mentions], MAX_ANNOTATIONS)
        for one in answer
        if one.mentions
    }
    reading = _Reading(answer, alignments)
    total = sum(len(a.placed) for a in alignments.values()) + sum(len(one.named) for one in answer)
    if total > MAX_ANNOTATIONS or reading.unplaced > MAX_UNPLACED:
        raise TooManyAnnotations
    return reading


def _label(reading: _Reading, completion: Completion, prompt: Prompt, plan: Plan) -> Label:
    if completion.tokens is None:
        raise LogprobsMissing
    line = TokenLine(completion.text, completion.tokens)
    sure = measure(reading.answer, line, plan.method, plan.spellings)
    annotations: list[Annotation] = []
    unplaced: list[UnplacedMention] = []
    wholes = []
    for one, sureness in zip(reading.answer, sure, strict=True):
        alignment = reading.alignments.get(one.tool.name)
        annotations += _annotations(one, sureness, alignment)
        if alignment is None:
            wholes.append(sureness.whole)
            continue
        unplaced += [_unplaced(one, index) for index in alignment.unplaced]
        wholes.append(sureness.whole.scaled(1 - len(alignment.unplaced) / len(one.mentions)))
    return Label(
        kind=LabelKind.PREDICTION,
        author=completion.model,
        annotations=tuple(replace(a, id=annotation_id(i)) for i, a in enumerate(annotations)),
        confidence=overall(plan.method, wholes),
        lineage=plan.lineage(prompt, completion.model, completion.text, completion.fingerprint),
        unplaced_mentions=tuple(unplaced),
    )


def _annotations(one: ToolAnswer, sureness: Sureness, alignment: Alignment | None) -> list[Annotation]:
    """The tool's claims in the order of the reply or the text.

    Occurrences labelled beside a mention share its score.
    """
    tool = one.tool.name
    scores = [min(claim.raw, 1.0) for claim in sureness.claims]
    if alignment is not None:
        return [Annotation("", tool, p.category, p.span, scores[p.mention]) for p in alignment.placed]
    return [
        Annotation("", tool, named.category, Choice(), score)
        for named, score in zip(one.named, scores, strict=True)
    ]


def _unplaced(one: ToolAnswer, index: int) -> UnplacedMention:
    mention = one.mentions[index]
    # A model can write half a surrogate pair or NUL, which neither messages nor databases can carry.
    text = "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in mention.text)
    return UnplacedMention(one.tool.name, mention.named.category, text[:MAX_UNPLACED_CHARS])
