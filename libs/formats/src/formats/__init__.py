"""Labels in the formats of other tools.

    from formats import Options, reading, writing

    with writing("out.json", "coco", ontology, Options()) as sink:
        for item in items:
            sink.add(item)
    print(sink.report)

    source = reading("in.json", "coco", Options())
    for found in source:  # an Item, or a Problem that says where and what
        ...

Files are streamed both ways, and both ways end in a LossReport.
"""

from formats.bind import Binder, guess_ontology
from formats.catalogue import CODECS, Carries, Codec, codec
from formats.errors import FormatError
from formats.item import Item, Problem
from formats.options import Options
from formats.report import LossReport
from formats.streams import Sink, Source, reading, writing

__all__ = [
    "CODECS",
    "Binder",
    "Carries",
    "Codec",
    "FormatError",
    "Item",
    "LossReport",
    "Options",
    "Problem",
    "Sink",
    "Source",
    "codec",
    "guess_ontology",
    "reading",
    "writing",
]
