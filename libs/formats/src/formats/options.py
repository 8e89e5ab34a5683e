"""How a file is to be read or written."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Shapes(StrEnum):
    """What YOLO lines hold."""

    AUTO = "auto"
    BOXES = "boxes"
    OUTLINES = "outlines"


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of the user; each format looks at those that concern it.

    `images`: folder of the pictures, for their sizes where a file does not say them. `tool`: the only tool whose
    annotations are written. `comments`: CoNLL with each text and key above its tokens. `plain_runs`: COCO's run
    lengths as numbers. `semantic`: mask PNG with
    a value for each category instead of each object. `voc_first_px`: the number that VOC gives to the first pixel,
    1 in the devkit's own files and 0 in many others'.
    """

    images: Path | None = None
    tool: str = ""
    strict: bool = False
    allow_empty: bool = False
    comments: bool = False
    plain_runs: bool = False
    semantic: bool = False
    shapes: Shapes = Shapes.AUTO
    voc_first_px: int = 1
