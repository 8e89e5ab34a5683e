"""Whether a label may be stored: its values are sound and fit the ontology and the asset."""

from collections.abc import Sequence
from math import isfinite

from labels.asset import MAX_SIDE_PX, MAX_TEXT_BYTES, Asset
from labels.errors import AnnotationInvalid, UnknownCategory, UnknownTool
from labels.label import (
    MAX_ANNOTATIONS,
    MAX_RING_VALUES,
    MAX_RINGS,
    Annotation,
    Box,
    Choice,
    Mask,
    Polygon,
    Span,
    Value,
)
from labels.ontology import TEXT_KINDS, Ontology, Tool, ToolKind

MAX_COORDINATE_PX = 1e6
"""Ten times the longest side of a picture; what lies beyond is no place on one."""
MAX_COUNTS_BYTES = 4 << 20

_VALUE_TYPE: dict[ToolKind, type] = {
    ToolKind.CHOICE_SINGLE: Choice,
    ToolKind.CHOICE_MULTI: Choice,
    ToolKind.SPAN: Span,
    ToolKind.BOX: Box,
    ToolKind.POLYGON: Polygon,
    ToolKind.MASK: Mask,
}


def check_label(
    annotations: Sequence[Annotation], asset: Asset, ontology: Ontology, text: str | None = None
) -> None:
    """Raise AnnotationInvalid, UnknownTool or UnknownCategory with the annotation's id, never its content.

    `text` is the asset's text where it travels by reference and was fetched; without it spans are only held
    to their own characters. Polygons may be degenerate: rules speak about those.
    """
    if len(annotations) > MAX_ANNOTATIONS:
        raise AnnotationInvalid(f"A label may have {MAX_ANNOTATIONS:,} annotations.")
    text = asset.text if text is None else text
    ids: set[str] = set()
    choices: set[tuple[str, str]] = set()
    for annotation in annotations:
        if annotation.id in ids:
            raise _invalid(annotation, "has the id of another")
        ids.add(annotation.id)
        tool = _tool(annotation, ontology)
        _check_kind(annotation, tool, asset)
        _check_confidence(annotation)
        try:
            check_value(annotation.value)
        except AnnotationInvalid as error:
            raise _invalid(annotation, str(error)) from None
        match annotation.value:
            case Choice():
                _check_choice(annotation, tool, choices)
            case Span() as span:
                _check_span(annotation, span, text)
            case Mask() as mask:
                _check_mask(annotation, mask, asset)
            case Box() | Polygon():
                pass


def _invalid(annotation: Annotation, what: str) -> AnnotationInvalid:
    return AnnotationInvalid(f'The annotation "{annotation.id}" {what}.')


def _tool(annotation: Annotation, ontology: Ontology) -> Tool:
    try:
        return ontology.check_category(annotation.tool, annotation.category)
    except UnknownTool:
        raise UnknownTool(
            f'The annotation "{annotation.id}" names a tool that the ontology does not have.'
        ) from None
    except UnknownCategory:
        raise UnknownCategory(
            f'The annotation "{annotation.id}" names a category that its tool does not have.'
        ) from None


def _check_kind(annotation: Annotation, tool: Tool, asset: Asset) -> None:
    if not isinstance(annotation.value, _VALUE_TYPE[tool.kind]):
        raise _invalid(annotation, "has a value that does not fit its tool")
    if isinstance(annotation.value, Choice):
        return
    if (tool.kind in TEXT_KINDS) != (asset.image_ref is None):
        raise _invalid(
            annotation, "does not fit the asset: spans are for text, boxes, polygons and masks for pictures"
        )


def _check_confidence(annotation: Annotation) -> None:
    if not 0.0 <= annotation.confidence <= 1.0:
        raise _invalid(annotation, "has a confidence that is not in 0 to 1")


def _check_choice(annotation: Annotation, tool: Tool, seen: set[tuple[str, str]]) -> None:
    """A single choice is made at most once a tool, a multiple one at most once a category."""
    key = (tool.name, annotation.category if tool.kind is ToolKind.CHOICE_MULTI else "")
    if key in seen:
        raise _invalid(annotation, "makes a choice that was already made")
    seen.add(key)


def _check_span(annotation: Annotation, span: Span, text: str | None) -> None:
    if len(span.text) != span.end - span.start:
        raise _invalid(annotation, "has a span whose characters do not fill it")
    if text is None:
        return
    if span.end > len(text):
        raise _invalid(annotation, "has a span that ends behind the text")
    if not text.startswith(span.text, span.start):
        raise _invalid(annotation, "has a span with other characters than the text has there")


def _check_mask(annotation: Annotation, mask: Mask, asset: Asset) -> None:
    if (mask.height_px, mask.width_px) != (asset.height_px, asset.width_px):
        raise _invalid(annotation, "has a mask that is not of the picture's size")


def check_value(value: Value) -> None:
    """Raise AnnotationInvalid unless sizes and numbers are sound; the sentence follows `The annotation "a0"`.

    Run lengths are only bounded here; `labels.rle.decode` says whether they are well formed.
    """
    match value:
        case Choice():
            pass
        case Span(start, end, text):
            if not 0 <= start < end:
                raise AnnotationInvalid("has a span that is empty or starts before the text")
            if len(text) > MAX_TEXT_BYTES:
                raise AnnotationInvalid("has a span that is longer than any text")
        case Box(x_px, y_px, width_px, height_px):
            _check_pixels((x_px, y_px, width_px, height_px))
            if width_px <= 0 or height_px <= 0:
                raise AnnotationInvalid("has a box without width or height")
        case Polygon(rings):
            _check_rings(rings)
        case Mask(height_px, width_px, counts):
            if not (0 < height_px <= MAX_SIDE_PX and 0 < width_px <= MAX_SIDE_PX):
                raise AnnotationInvalid(f"has a mask with a side that is not 1 to {MAX_SIDE_PX:,} pixels")
            if not 0 < len(counts) <= MAX_COUNTS_BYTES:
                raise AnnotationInvalid("has a mask without run lengths or with more than 4 MiB of them")


def _check_rings(rings: Sequence[tuple[float, ...]]) -> None:
    if not 0 < len(rings) <= MAX_RINGS:
        raise AnnotationInvalid(f"has a polygon that does not have 1 to {MAX_RINGS:,} rings")
    for ring in rings:
        if len(ring) % 2 or len(ring) > MAX_RING_VALUES:
            raise AnnotationInvalid(
                f"has a ring with an odd number of values or more than {MAX_RING_VALUES:,}"
            )
        _check_pixels(ring)


def _check_pixels(values: tuple[float, ...]) -> None:
    # A sum is finite only if all that it is made of are, and bounded numbers have one.
    if not isfinite(sum(values)) and not all(map(isfinite, values)):
        raise AnnotationInvalid("has a coordinate that is not a finite number")
    if values and not (min(values) >= -MAX_COORDINATE_PX and max(values) <= MAX_COORDINATE_PX):
        raise AnnotationInvalid(f"has a coordinate beyond {MAX_COORDINATE_PX:,.0f} pixels")
