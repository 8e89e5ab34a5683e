"""The formats there are."""

from formats import coco, coco_reading, conll, cvat, jsonl, kili, labelstudio, maskpng, spacyjson, voc, yolo
from formats.codec import Carries, Codec
from formats.errors import FormatUnknown

__all__ = ["CODECS", "Carries", "Codec", "codec"]

_ALL = (
    Codec(
        "jsonl",
        "JSONL",
        ".jsonl",
        Carries("yes", "yes", "yes", "yes", "yes", "yes", "yes", "yes"),
        jsonl.JsonlWriter,
        jsonl.read,
        keeps_all=True,
    ),
    Codec(
        "coco",
        "COCO",
        ".json",
        Carries("no", "no", "yes", "yes", "as RLE", "yes", "yes", "yes"),
        coco.CocoWriter,
        coco_reading.read,
    ),
    Codec(
        "yolo",
        "YOLO",
        "",
        Carries("no", "no", "yes", "yes", "by cuts", "by cuts", "as outlines", "no"),
        yolo.YoloWriter,
        yolo.read,
        tree=True,
    ),
    Codec(
        "voc",
        "Pascal VOC",
        "",
        Carries("no", "no", "whole pixels", "as boxes", "no", "no", "as boxes", "no"),
        voc.VocWriter,
        voc.read,
        tree=True,
    ),
    Codec(
        "cvat",
        "CVAT for images",
        ".xml",
        Carries("yes", "no", "yes", "yes", "as masks", "grouped", "yes", "no"),
        cvat.CvatWriter,
        cvat.read,
    ),
    Codec(
        "labelstudio",
        "Label Studio",
        ".json",
        Carries("yes", "yes", "yes", "yes", "as brush", "grouped", "yes", "yes"),
        labelstudio.LabelStudioWriter,
        labelstudio.read,
    ),
    Codec(
        "kili",
        "Kili",
        ".json",
        Carries("yes", "yes", "yes", "yes", "yes", "yes", "as outlines", "yes"),
        kili.KiliWriter,
        kili.read,
    ),
    Codec("conll", "CoNLL", ".conll", Carries(spans="no overlaps"), conll.ConllWriter, conll.read),
    Codec(
        "spacy",
        "spaCy",
        ".json",
        Carries(choices="yes", spans="yes"),
        spacyjson.SpacyWriter,
        spacyjson.read,
    ),
    Codec(
        "maskpng",
        "mask PNG",
        "",
        Carries("no", "no", "as masks", "as masks", "yes", "yes", "no overlaps", "no"),
        maskpng.MaskPngWriter,
        maskpng.read,
        tree=True,
    ),
)
CODECS: dict[str, Codec] = {one.name: one for one in _ALL}


def codec(name: str) -> Codec:
    """The format of that name; raises FormatUnknown."""
    if name not in CODECS:
        raise FormatUnknown(f'There is no format "{name[:40]}"; there are {", ".join(CODECS)}.')
    return CODECS[name]
