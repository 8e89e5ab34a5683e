"""What plugins are handed: plain values of labels, measured for a whole batch at once.

Lengths are pixels of the original picture, offsets Unicode code points, probabilities 0 to 1. What an annotation
does not have, such as the area of a span, is None; so is what cannot be measured, and then `fault` says why.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Label, Mask, Polygon, Span
from qa_engine import colours
from qa_engine.components import mask_components
from qa_engine.errors import ShapeUnreadable
from qa_engine.history import History
from qa_engine.inside import inside
from qa_engine.picture import Picture
from qa_engine.plugins.plugin import Plugin
from qa_engine.rule import Need, Subject
from qa_engine.shapes import Shapes

Fields = dict[str, Any]
COLOURS = {"mean_rgb": "RGB", "mean_hsv": "HSV", "mean_lab": "LAB"}
"""Mean colour of a shape's pixels, three numbers as in `qa_engine.colours`; handed over where the code names it."""
HISTORY = ("shares", "other_choices")
"""What is known of the project's other labels; handed over where the code names it."""
SHAPE_FIELDS = (
    "area_px",
    "x_px",
    "y_px",
    "width_px",
    "height_px",
    "vertices",
    "holes",
    "rings",
    "fault",
    *COLOURS,
)
SPAN_FIELDS = ("start", "end", "text", "length")
_EMPTY: Fields = dict.fromkeys((*SHAPE_FIELDS, *SPAN_FIELDS))
_KINDS: dict[type, str] = {Choice: "CHOICE", Span: "SPAN", Box: "BOX", Polygon: "POLYGON", Mask: "MASK"}


def needs(plugin: Plugin) -> frozenset[Need]:
    """What has to be fetched for a plugin, by the words in its code."""
    found = {Need.PIXELS} if any(map(plugin.names, COLOURS)) else set()
    if any(map(plugin.names, HISTORY)):
        found.add(Need.HISTORY)
    if plugin.names("answers"):
        found.add(Need.ANSWERS)
    return frozenset(found)


def labels(items: Sequence[tuple[Label, Subject]], plugin: Plugin) -> list[Fields]:
    """The fields of each label, with those of its annotations."""
    shapes = Shapes((label, subject.asset) for label, subject in items)
    measured = _Measured(shapes, plugin)
    found, place = [], 0
    for label, subject in items:
        annotations = []
        for annotation in label.annotations:
            fields = _annotation(annotation, label)
            if isinstance(annotation.value, Box | Polygon | Mask):
                fields |= measured.shape(place, subject.picture)
                place += 1
            annotations.append(fields)
        found.append(_label(label, annotations))
    return found


def _label(label: Label, annotations: list[Fields]) -> Fields:
    confidence = label.confidence
    return {
        "uid": label.uid,
        "kind": label.kind.value,
        "author": label.author,
        "confidence": _finite(confidence.raw) if confidence is not None else None,
        "revision": label.revision,
        "create_time_us": label.create_time_us,
        "annotations": annotations,
    }


def _annotation(annotation: Annotation, label: Label) -> Fields:
    value = annotation.value
    fields = _EMPTY | {
        "id": annotation.id,
        "answer": label.uid,
        "tool": annotation.tool,
        "category": annotation.category,
        "kind": _KINDS[type(value)],
        "confidence": _finite(annotation.confidence),
    }
    if isinstance(value, Span):
        fields |= {
            "start": value.start,
            "end": value.end,
            "text": value.text,
            "length": value.end - value.start,
        }
    return fields


class _Measured:
    """Figures of the shapes of a batch."""

    def __init__(self, shapes: Shapes, plugin: Plugin) -> None:
        self._shapes = shapes
        self._colours = [name for name in COLOURS if plugin.names(name)]
        self._rings = plugin.names("rings")
        self._masks_too = plugin.names("holes")
        count = len(shapes)
        self._areas = shapes.areas.tolist() if count else []
        bounds = shapes.bounds if count else np.zeros((0, 4))
        self._corners = bounds[:, :2].tolist()
        self._sides = (bounds[:, 2:] - bounds[:, :2]).tolist()
        self._faults = shapes.faults if count else {}
        flat = shapes.flat
        self._vertices = np.bincount(flat.owner, weights=flat.sizes, minlength=count).astype(int).tolist()
        self._holes = np.bincount(shapes.regions.hole_owner, minlength=count).tolist() if count else []

    def shape(self, place: int, picture: Picture | None) -> Fields:
        """The figures of the shape in that place."""
        value = self._shapes.values[place]
        if place in self._faults:
            return {"fault": self._faults[place]}
        polygon = isinstance(value, Polygon)
        (x, y), (width, height) = self._corners[place], self._sides[place]
        fields: Fields = {
            "area_px": _finite(self._areas[place]),
            "x_px": _finite(x),
            "y_px": _finite(y),
            "width_px": _finite(width),
            "height_px": _finite(height),
            "vertices": self._vertices[place] if polygon else 4 if isinstance(value, Box) else None,
            "holes": self._holes[place] if polygon else self._mask_holes(place),
        }
        if self._rings and isinstance(value, Polygon):
            fields["rings"] = value.rings
        for name in self._colours:
            fields[name] = _mean(picture, value, COLOURS[name])
        return fields

    def _mask_holes(self, place: int) -> int | None:
        """Holes of a mask, which take longer than those of polygons."""
        if not isinstance(self._shapes.values[place], Mask):
            return 0
        parts = mask_components(self._shapes, place) if self._masks_too else None
        return None if parts is None else len(parts.hole_px)


def _mean(picture: Picture | None, value: Box | Polygon | Mask, space: str) -> list[float] | None:
    """None where there are no such pixels."""
    if picture is None:
        return None
    try:
        pixels = inside(picture, value)
    except (ShapeUnreadable, AnnotationInvalid):
        return None
    found: list[float] = colours.mean(colours.count(pixels, space)).tolist() if len(pixels) else []
    return found or None


def asset(item: Asset, text: str | None, plugin: Plugin) -> Fields:
    """The fields of an asset; its text only where the code names it."""
    return {
        "uid": item.uid,
        "key": item.key,
        "kind": "TEXT" if item.image_ref is None else "PICTURE",
        "width_px": item.width_px,
        "height_px": item.height_px,
        "context": dict(item.context),
        "text": text if plugin.names("text") else None,
    }


def history(known: History, plugin: Plugin) -> Fields:
    """What other labels of the project claim: shares by tool and category, and what the other kind of author chose."""
    shares: dict[str, Fields] = {}
    if plugin.names("shares"):
        for (tool, category), share in known.shares.items():
            shares.setdefault(tool, {})[category] = {"earlier": share.earlier, "recent": share.recent}
    choices = known.choices.items() if plugin.names("other_choices") else ()
    others = {tool: {"category": c.category, "confidence": _finite(c.confidence)} for tool, c in choices}
    return {"shares": shares, "other_choices": others}


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None
