"""The demo's texts: written for this project, with gold answers that only the simulated reviewer reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from labelmesh.client import ImportRow
from labels.asset import Asset
from labels.label import Annotation, Choice, Span
from labels.ontology import Category, Ontology, Tool, ToolKind

NAMES = ("tickets", "news")
_ABOUT = {
    "tickets": (
        "customer messages",
        "The text is a customer's message to a maker of kettles and coffee machines. Choose what it is about: "
        "what has to be put right decides, not the words in the message.",
    ),
    "news": (
        "names in sentences",
        "The text is a sentence from the news. Mark every name in it, exactly as it is written.",
    ),
}


@dataclass(frozen=True, slots=True)
class Material:
    """One project of the demo: its ontology, two batches of texts, and the gold answer by key."""

    name: str
    title: str
    instruction: str
    ontology: Ontology
    batches: tuple[tuple[ImportRow, ...], tuple[ImportRow, ...]]
    gold: Mapping[str, tuple[Annotation, ...]]

    @property
    def size(self) -> int:
        """Texts in both batches."""
        return sum(len(batch) for batch in self.batches)


def load(name: str, limit: int = 0) -> Material:
    """The material of one project, halved: the data is shuffled so that both halves are alike (data/README.md).

    With a limit only that many texts of each half.
    """
    folder = resources.files("labelmesh.demo") / "data"
    described = json.loads((folder / f"{name}.ontology.json").read_text(encoding="utf-8"))
    ontology = read_ontology(described)
    title, instruction = _ABOUT[name]
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    rows = [
        ImportRow(line, Asset(document["key"], text=document["text"]))
        for line, document in enumerate(documents, start=1)
    ]
    half = len(rows) // 2
    return Material(
        name=name,
        title=title,
        instruction=instruction,
        ontology=ontology,
        batches=(tuple(rows[:half][: limit or None]), tuple(rows[half:][: limit or None])),
        gold={document["key"]: _gold(document["gold"], ontology) for document in documents},
    )


def read_ontology(described: Mapping[str, Any]) -> Ontology:
    """The tools under `tools`, each with its kind and categories."""
    return Ontology(
        tuple(
            Tool(
                tool["name"],
                ToolKind(tool["kind"]),
                tuple(Category(c["name"], c.get("description", "")) for c in tool["categories"]),
            )
            for tool in described["tools"]
        )
    )


def _gold(answer: Mapping[str, Any], ontology: Ontology) -> tuple[Annotation, ...]:
    (tool,) = ontology.tools
    if tool.kind is ToolKind.SPAN:
        return tuple(
            Annotation(f"g{i}", tool.name, e["category"], Span(e["start"], e["end"], e["text"]))
            for i, e in enumerate(answer["entities"])
        )
    return (Annotation("g0", tool.name, answer["category"], Choice()),)
