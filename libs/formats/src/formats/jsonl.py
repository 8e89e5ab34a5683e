"""JSONL, our own form: a row for every asset, nothing lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from formats import fields
from formats.codec import Declared, Place
from formats.draft import Lines, as_json
from formats.errors import RecordBroken
from formats.item import Item, Problem, Status
from formats.jsonstream import lines
from formats.options import Options
from formats.report import LossReport
from labels.asset import Asset, ContentRef
from labels.errors import AnnotationInvalid
from labels.label import (
    Annotation,
    Box,
    Choice,
    Confidence,
    ConfidenceMethod,
    Label,
    LabelKind,
    Mask,
    Polygon,
    Span,
    Value,
)
from labels.ontology import Ontology


class JsonlWriter:
    """One object a line."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._lines = Lines(place.path)
        self._report = report

    def add(self, item: Item) -> None:
        """Write a row."""
        self._lines.write(as_json(row_of(item)) + "\n")
        self._report.assets += 1
        self._report.labels += item.label is not None
        self._report.written += len(item.annotations)

    def close(self) -> None:
        """Write what is left."""
        self._lines.close()


def row_of(item: Item) -> dict[str, Any]:
    """An asset, its label and where it stands, as JSON knows them."""
    asset = item.asset
    row: dict[str, Any] = {"key": asset.key, "asset": asset.uid, "status": str(item.status)}
    if asset.text is not None:
        row["text"] = asset.text
    for name, ref in (("text_ref", asset.text_ref), ("image_ref", asset.image_ref)):
        if ref is not None:
            row[name] = {"uri": ref.uri, "sha256": ref.sha256, "size_bytes": ref.size_bytes}
    if asset.width_px:
        row |= {"width_px": asset.width_px, "height_px": asset.height_px}
    if asset.context:
        row["context"] = dict(asset.context)
    row["label"] = None if item.label is None else _label(item.label)
    return row


def _label(label: Label) -> dict[str, Any]:
    row: dict[str, Any] = {
        "uid": label.uid,
        "kind": str(label.kind),
        "revision": label.revision,
        "author": label.author,
        "annotations": [_annotation(annotation) for annotation in label.annotations],
    }
    if (sure := label.confidence) is not None:
        row["confidence"] = {
            "method": str(sure.method),
            "raw": sure.raw,
            "lower": sure.lower,
            "upper": sure.upper,
        }
    if label.lineage is not None:
        row["model"] = label.lineage.model
        row["prediction_run"] = label.lineage.run
    return row


def _annotation(annotation: Annotation) -> dict[str, Any]:
    row = {"id": annotation.id, "tool": annotation.tool, "category": annotation.category}
    row |= _value(annotation.value)
    return row | {"confidence": annotation.confidence} if annotation.confidence else row


def _value(value: Value) -> dict[str, Any]:
    match value:
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


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Rows in order; an annotation that cannot be read costs itself only."""
    for line, row in lines(path):
        place = f"line {line}"
        try:
            if isinstance(row, RecordBroken):
                raise row
            problems: list[str] = []
            item = _item(row, place, problems)
        except RecordBroken as error:
            yield Problem(place, str(error))
            continue
        yield from (Problem(place, sentence) for sentence in problems)
        yield item


def _item(row: Any, place: str, problems: list[str]) -> Item:
    key = fields.text(fields.entry(row, "key"), "The key")
    context = row.get("context", {})
    if not isinstance(context, dict) or not all(isinstance(v, str) for v in context.values()):
        raise RecordBroken('"context" must be an object of strings.')
    content = row.get("text")
    asset = Asset(
        key,
        text=None if content is None else fields.text(content, "The text"),
        text_ref=_ref(row.get("text_ref")),
        image_ref=_ref(row.get("image_ref")),
        width_px=fields.side(row["width_px"], "The width") if "width_px" in row else 0,
        height_px=fields.side(row["height_px"], "The height") if "height_px" in row else 0,
        context=context,
        uid=str(row.get("asset", "")),
    )
    label = row.get("label")
    status = row.get("status", Status.UNLABELLED if label is None else Status.UNREVIEWED)
    if status not in list(Status):
        raise RecordBroken(
            "The status is none of reviewed, auto_accepted, unreviewed, rejected and unlabelled."
        )
    return Item(asset, None if label is None else _read_label(label, problems), Status(status), place)


def _ref(row: Any) -> ContentRef | None:
    if row is None:
        return None
    uri, sha256 = (fields.text(fields.entry(row, name), "The reference") for name in ("uri", "sha256"))
    return ContentRef(uri, sha256, fields.whole(fields.entry(row, "size_bytes"), "The size"))


def _read_label(row: Any, problems: list[str]) -> Label:
    annotations = []
    for number, one in enumerate(fields.rows(fields.entry(row, "annotations"), "The annotations"), start=1):
        try:
            annotations.append(_read_annotation(one, number))
        except (RecordBroken, AnnotationInvalid) as error:
            problems.append(f"Annotation {number}: {error}")
    kind = row.get("kind", "DEFAULT")
    if kind not in list(LabelKind):
        raise RecordBroken("The label's kind is unknown.")
    return Label(
        LabelKind(kind),
        str(row.get("author", "")),
        tuple(annotations),
        uid=str(row.get("uid", "")),
        revision=fields.whole(row.get("revision", 0), "The revision"),
        confidence=_read_confidence(row.get("confidence")),
    )


def _read_confidence(row: Any) -> Confidence | None:
    if row is None:
        return None
    method = fields.entry(row, "method")
    if method not in list(ConfidenceMethod):
        raise RecordBroken("The confidence's method is unknown.")
    raw = fields.number(fields.entry(row, "raw"), "The confidence")
    lower, upper = (fields.number(row.get(name, raw), "The confidence") for name in ("lower", "upper"))
    return Confidence(ConfidenceMethod(method), raw, lower, upper)


def _read_annotation(row: Any, number: int) -> Annotation:
    category = fields.category(fields.entry(row, "category"))
    tool = fields.text(row.get("tool", ""), "The tool")
    name = fields.text(row.get("id", f"a{number - 1}"), "The id")
    return Annotation(name, tool, category, _read_value(row), fields.score(row.get("confidence")))


def _read_value(row: dict[str, Any]) -> Value:
    if "start" in row:
        start, end = (fields.whole(fields.entry(row, name), "The span") for name in ("start", "end"))
        return Span(start, end, fields.text(fields.entry(row, "text"), "The span's text"))
    if "box" in row:
        sides = fields.rows(row["box"], "The box")
        if len(sides) != 4:
            raise RecordBroken("The box does not have four numbers.")
        return Box(*(fields.number(side, "A side of the box") for side in sides))
    if "rings" in row:
        found = [fields.rows(ring, "A ring") for ring in fields.rows(row["rings"], "The rings")]
        return Polygon(tuple(tuple(fields.number(v, "A coordinate") for v in ring) for ring in found))
    if "rle" in row:
        size = fields.rows(fields.entry(row["rle"], "size"), "The mask's size")
        if len(size) != 2:
            raise RecordBroken("The mask's size is not height and width.")
        height_px, width_px = (fields.side(n, "A side of the mask") for n in size)
        counts = fields.text(fields.entry(row["rle"], "counts"), "The run lengths")
        return Mask(height_px, width_px, counts.encode("ascii", "replace"))
    return Choice()
