"""What a project's other labels claim, as far as rules compare a label with them."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labels.label import Label, LabelKind, Span
from labels.ontology import Ontology, ToolKind

MAX_STRINGS = 200
"""Strings of one label that are remembered."""
Claim = tuple[str, str]
"""A tool and a category of it."""


class Source(StrEnum):
    """Who made a label."""

    MODEL = "MODEL"
    PERSON = "PERSON"


@dataclass(frozen=True, slots=True)
class Share:
    """How often a category was claimed: among the last 500 to 1,000 annotations of its tool, and before those."""

    earlier: int
    recent: int


@dataclass(frozen=True, slots=True)
class Trust:
    """The model's confidence in a category, summed over `count` assets for which people chose that category.

    Where the model chose another one, what it left for this one counts: 1 minus its confidence, and no more than
    that.
    """

    confidence_sum: float
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen with a tool, and how sure the model was; 0 for people."""

    category: str
    confidence: float


@dataclass(frozen=True, slots=True)
class History:
    """Facts of other labels of the project, for one label.

    `shares` are of labels by the same kind of author. `strings` are numbers of other labels by tool and
    `string_key`, then by category. `choices` are those of the other kind of author for the same asset, by tool: the
    model's for a person's label, a person's for a prediction.
    """

    shares: Mapping[Claim, Share] = field(default_factory=dict)
    strings: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    trust: Mapping[Claim, Trust] = field(default_factory=dict)


NO_HISTORY = History()


def source(label: Label) -> Source:
    """Who made the label."""
    return Source.MODEL if label.kind is LabelKind.PREDICTION else Source.PERSON


def string_key(text: str) -> str:
    """What equal strings have in common, without saying what they are: case and white space do not matter."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def strings(label: Label) -> list[tuple[str, str, str]]:
    """Tool, string key and category of the label's spans, each once, at most MAX_STRINGS."""
    found: dict[tuple[str, str, str], None] = {}
    for annotation in label.annotations:
        if len(found) == MAX_STRINGS:
            break
        if isinstance(annotation.value, Span):
            found[annotation.tool, string_key(annotation.value.text), annotation.category] = None
    return list(found)


def choices(label: Label, ontology: Ontology) -> dict[str, Choice]:
    """What the label chooses with each tool of a single choice."""
    single = {tool.name for tool in ontology.tools if tool.kind is ToolKind.CHOICE_SINGLE}
    return {a.tool: Choice(a.category, a.confidence) for a in label.annotations if a.tool in single}


def probability_left(category: str, choice: Choice) -> float:
    """At most this probability did a model that chose so give the category."""
    if choice.category == category:
        return choice.confidence
    return min(choice.confidence, 1.0 - choice.confidence)
