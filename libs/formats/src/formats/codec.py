"""What every format is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from formats.item import Item, Problem
from formats.options import Options
from formats.report import LossReport
from labels.ontology import Ontology

Declared = list[tuple[str, str]]
"""Tool ("" where unnamed) and category, in the order in which a file declares them."""


class Writer(Protocol):
    """A file under way."""

    def add(self, item: Item) -> None:
        """Write one asset with its label."""

    def close(self) -> None:
        """Write what is left."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a writer writes: `path` is the draft, `target` the name it will have."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Carries:
    """What a format can hold, each `yes`, `no` or in a few words how."""

    choices: str = "no"
    spans: str = "no"
    boxes: str = "no"
    polygons: str = "no"
    holes: str = "no"
    parts: str = "no"
    masks: str = "no"
    confidence: str = "no"


WriterFactory = Callable[[Place, Ontology, Options, LossReport], Writer]
ReaderFactory = Callable[[Path, Options, LossReport, Declared], Iterator[Item | Problem]]


@dataclass(frozen=True, slots=True)
class Codec:
    """A format: `tree` says that it is a folder or archive; `keeps_all` that it has a row for every asset."""

    name: str
    title: str
    suffix: str
    carries: Carries
    writer: WriterFactory
    reader: ReaderFactory
    tree: bool = False
    keeps_all: bool = False
