"""Options that every command about files of labels has."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from formats.options import Shapes


class Form(StrEnum):
    """A format's name; those of `formats.CODECS`."""

    JSONL = "jsonl"
    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    CVAT = "cvat"
    LABELSTUDIO = "labelstudio"
    KILI = "kili"
    CONLL = "conll"
    SPACY = "spacy"
    MASKPNG = "maskpng"


Images = Annotated[
    Path | None,
    typer.Option(
        "--images", metavar="DIR", help="Folder of the pictures that the file names.", show_default=False
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Write the loss report as JSON.", show_default=False),
]
Strict = Annotated[bool, typer.Option("--strict", help="Any loss is an error, and nothing is written.")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Write a file even with nothing in it.")]
Tool = Annotated[str, typer.Option("--tool", help="Only this tool's annotations.", show_default=False)]
Comments = Annotated[bool, typer.Option("--comments", help="conll: each key and text above its tokens.")]
Semantic = Annotated[bool, typer.Option("--semantic", help="maskpng: a value a class, not an object.")]
PlainRuns = Annotated[bool, typer.Option("--plain-rle", help="coco: run lengths as numbers.")]
ShapesOf = Annotated[
    Shapes, typer.Option("--shapes", help="yolo: what a line holds; auto follows the ontology.")
]
VocFirst = Annotated[
    int,
    typer.Option("--voc-first", min=0, max=1, help="voc: the number of the first pixel; many files have 0."),
]
