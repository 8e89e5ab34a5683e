"""What an export file holds: JSONL rows and CoNLL sentences, as pure functions of an exported asset."""

import json
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import Any

from labelmesh.client.labels import ExportedAsset
from labels.label import Annotation, Box, Choice, Label, Mask, Polygon, Span

OUTSIDE = "O"
_TOKEN = re.compile(r"\w+|[^\w\s]")


def jsonl_line(item: ExportedAsset) -> str:
    """One JSON object with the asset, its label and where it stands, without the line's end."""
    asset = item.asset
    row: dict[str, Any] = {"key": asset.key, "asset": asset.uid, "status": status(item)}
    if asset.text is not None:
        row["text"] = asset.text
    for name, ref in (("text_ref", asset.text_ref), ("image_ref", asset.image_ref)):
        if ref is not None:
            row[name] = {"uri": ref.uri, "sha256": ref.sha256, "size_bytes": ref.size_bytes}
    if asset.image_ref is not None:
        row |= {"width_px": asset.width_px, "height_px": asset.height_px}
    if asset.context:
        row["context"] = dict(asset.context)
    row["label"] = None if item.label is None else _label(item.label)
    return json.dumps(row, ensure_ascii=False)


def status(item: ExportedAsset) -> str:
    """`reviewed`, `rejected`, `unreviewed` (a label nobody looked at) or `unlabelled`."""
    if item.rejected:
        return "rejected"
    if item.label is None:
        return "unlabelled"
    return "reviewed" if item.reviewed else "unreviewed"


def _label(label: Label) -> dict[str, Any]:
    row: dict[str, Any] = {
        "uid": label.uid,
        "kind": str(label.kind),
        "revision": label.revision,
        "author": label.author,
        "annotations": [_annotation(annotation) for annotation in label.annotations],
    }
    if label.confidence is not None:
        row["confidence"] = {"method": str(label.confidence.method), "raw": label.confidence.raw}
    if label.lineage is not None:
        row["model"] = label.lineage.model
        row["prediction_run"] = label.lineage.run
    return row


def _annotation(annotation: Annotation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": annotation.id,
        "tool": annotation.tool,
        "category": annotation.category,
        **_value(annotation),
    }
    if annotation.confidence:
        row["confidence"] = annotation.confidence
    return row


def _value(annotation: Annotation) -> dict[str, Any]:
    match annotation.value:
        case Choice():
            return {}
        case Span(start, end, text):
            return {"start": start, "end": end, "text": text}
        case Box(x_px, y_px, width_px, height_px):
            return {"box": [x_px, y_px, width_px, height_px]}
        case Polygon(rings):
            return {"rings": [list(ring) for ring in rings]}
        case Mask(height_px, width_px, counts):
            return {"rle": {"size": [height_px, width_px], "counts": counts.decode("ascii")}}


def conll_sentence(text: str, annotations: Sequence[Annotation]) -> tuple[list[str], int]:
    """Lines `token<TAB>tag` with IOB2 tags, and how many spans found no place.

    A token is a run of letters and digits or one other sign; a span that begins or ends inside a token
    splits it, so no span is widened. IOB2 knows one tag a token: of overlapping spans the longer stays, then
    the earlier. A span of white space only has no token.
    """
    spans = [(a.value.start, a.value.end, a.category) for a in annotations if isinstance(a.value, Span)]
    kept = _without_overlaps(spans)
    lines = []
    placed = 0
    at, begun = -1, False
    for start, end in _tokens(text, sorted({edge for span in kept for edge in span[:2]})):
        while at + 1 < len(kept) and kept[at + 1][0] <= start:
            at, begun = at + 1, False
        tag = OUTSIDE
        if at >= 0 and start < kept[at][1]:
            name = re.sub(r"\s+", "_", kept[at][2])
            tag = f"I-{name}" if begun else f"B-{name}"
            placed += not begun
            begun = True
        lines.append(f"{text[start:end]}\t{tag}")
    return lines, len(spans) - placed


def _without_overlaps(spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The longest first, each only if it shares no character with one kept before.

    In order of their start.
    """
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        place = bisect(kept, span[0], key=lambda other: other[0])
        free_before = place == 0 or kept[place - 1][1] <= span[0]
        free_after = place == len(kept) or span[1] <= kept[place][0]
        if free_before and free_after:
            kept.insert(place, span)
    return kept


def _tokens(text: str, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    cuts = iter(edges)
    cut = next(cuts, None)
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        while cut is not None and cut < end:
            if cut > start:
                yield start, cut
                start = cut
            cut = next(cuts, None)
        yield start, end
