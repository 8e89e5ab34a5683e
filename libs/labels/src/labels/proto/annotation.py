"""Annotations on the wire."""

import re
from collections.abc import Callable
from typing import Any

from labelmesh.label.v1 import label_pb2
from labels.checks import check_value
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Mask, Polygon, Span, Value

MAX_NAME = 128
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MAX_NAME}}}")


def annotation_from_pb(pb: label_pb2.Annotation) -> Annotation:
    """Raises AnnotationInvalid."""
    name, tool, category, confidence = pb.id, pb.tool, pb.category, pb.confidence
    check_annotation_id(name)
    if not (_NAME.fullmatch(tool) and _NAME.fullmatch(category)):
        raise AnnotationInvalid(
            f'The annotation "{name}" needs a tool and a category of 1 to {MAX_NAME} characters.'
        )
    if not 0.0 <= confidence <= 1.0:
        raise AnnotationInvalid(f'The confidence of annotation "{name}" is not in 0 to 1.')
    return Annotation(name, tool, category, value_from_pb(pb), confidence)


def check_annotation_id(name: str) -> None:
    """Raise AnnotationInvalid unless it is 1 to 64 characters on one line."""
    if not _ID.fullmatch(name):
        raise AnnotationInvalid("An annotation's id must have 1 to 64 characters on one line.")


def value_from_pb(pb: label_pb2.Annotation) -> Value:
    """What the annotation claims, its other fields ignored; raises AnnotationInvalid."""
    kind = pb.WhichOneof("value")
    if kind is None:
        raise AnnotationInvalid(f'The annotation "{pb.id[:64]}" has no value.')
    value = _VALUES[kind](getattr(pb, kind))
    try:
        check_value(value)
    except AnnotationInvalid as error:
        raise AnnotationInvalid(f'The annotation "{pb.id[:64]}" {error}.') from None
    return value


_CHOICE = Choice()
# A copy of a repeated field is a list, made at once; to walk the field itself takes twice as long.
_VALUES: dict[str, Callable[[Any], Value]] = {
    "choice": lambda _pb: _CHOICE,
    "span": lambda pb: Span(pb.start, pb.end, pb.text),
    "box": lambda pb: Box(pb.x_px, pb.y_px, pb.width_px, pb.height_px),
    "polygon": lambda pb: Polygon(tuple([tuple(ring.xy_px[:]) for ring in pb.rings])),
    "mask": lambda pb: Mask(pb.height_px, pb.width_px, pb.counts),
}


def annotation_to_pb(annotation: Annotation) -> label_pb2.Annotation:
    """The annotation on the wire."""
    pb = label_pb2.Annotation()
    put_annotation(annotation, pb)
    return pb


def value_to_pb(value: Value) -> label_pb2.Annotation:
    """An annotation on the wire that carries the value and nothing else."""
    pb = label_pb2.Annotation()
    _put_value(value, pb)
    return pb


def put_annotation(annotation: Annotation, pb: label_pb2.Annotation) -> None:
    """Write an annotation into a message in place, which costs half of making one and copying it."""
    pb.id = annotation.id
    pb.tool = annotation.tool
    pb.category = annotation.category
    pb.confidence = annotation.confidence
    _put_value(annotation.value, pb)


def _put_value(value: Value, pb: label_pb2.Annotation) -> None:
    match value:
        case Choice():
            pb.choice.SetInParent()
        case Span(start, end, text):
            span = pb.span
            span.start, span.end, span.text = start, end, text
        case Box(x_px, y_px, width_px, height_px):
            box = pb.box
            box.x_px, box.y_px, box.width_px, box.height_px = x_px, y_px, width_px, height_px
        case Polygon(rings):
            added = pb.polygon.rings.add
            for ring in rings:
                added().xy_px.extend(ring)
            if not rings:
                pb.polygon.SetInParent()
        case Mask(height_px, width_px, counts):
            mask = pb.mask
            mask.height_px, mask.width_px, mask.counts = height_px, width_px, counts
