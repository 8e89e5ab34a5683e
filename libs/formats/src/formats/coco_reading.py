"""COCO read: any order of its arrays, in the memory of one record."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from formats import fields, rings, runs
from formats.codec import Declared
from formats.errors import RecordBroken
from formats.fitting import Shape
from formats.item import Item, Problem, read_label
from formats.jsonstream import elements
from formats.options import Options
from formats.report import LossReport
from formats.spool import Spool
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Polygon

_ARRAYS = frozenset({"images", "annotations", "categories"})
Classes = dict[Any, tuple[str, str]]


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Pictures in the order of the file, with their annotations.

    Rings of one object that overlap are read as their union, which is what COCO means. A crowd is one object.
    """
    classes: Classes = {}
    with Spool() as spool:
        broken = yield from _spool(path, spool, classes, declared)
        for image, found in spool.all():
            yield from _picture(image, found, classes, report)
        for number in spool.orphans():
            yield Problem(f"annotation {number}", "Its picture is not in the file.")
    if broken is not None:
        raise broken


def _spool(
    path: Path, spool: Spool, classes: Classes, declared: Declared
) -> Generator[Problem, None, RecordBroken | None]:
    """Set everything aside; returns what stopped the reading."""
    try:
        for array, number, row in elements(path, _ARRAYS):
            place = f"{_WORD[array]} {number}"
            try:
                match array:
                    case "images":
                        image = _image(row, place)
                        if not spool.own(str(row["id"]), image):
                            raise RecordBroken("Another picture has the same id.")
                    case "annotations":
                        spool.keep(str(fields.entry(row, "image_id")), number, row)
                    case _:
                        _declare(row, classes, declared)
            except RecordBroken as error:
                yield Problem(place, str(error))
    except RecordBroken as error:
        return error
    return None


_WORD = {"images": "picture", "annotations": "annotation", "categories": "category"}


def _image(row: Any, place: str) -> dict[str, Any]:
    fields.entry(row, "id")
    return {
        "key": fields.text(fields.entry(row, "file_name"), "The file's name"),
        "width_px": fields.side(fields.entry(row, "width"), "The width"),
        "height_px": fields.side(fields.entry(row, "height"), "The height"),
        "place": place,
    }


def _declare(row: Any, classes: Classes, declared: Declared) -> None:
    number = fields.entry(row, "id")
    if number in classes:
        raise RecordBroken("Another category has the same id.")
    tool = row.get("tool")
    name = fields.category(fields.entry(row, "name"))
    tool = tool if isinstance(tool, str) else ""
    if tool and name.startswith(f"{tool}/"):
        name = name[len(tool) + 1 :]
    classes[number] = (tool, name)
    declared.append(("", name))


def _picture(
    image: dict[str, Any], found: list[tuple[int, Any]], classes: Classes, report: LossReport
) -> Iterator[Item | Problem]:
    asset = Asset(image["key"], width_px=image["width_px"], height_px=image["height_px"])
    annotations = []
    for number, row in found:
        try:
            annotations.append(_annotation(row, asset, classes, report))
        except (RecordBroken, AnnotationInvalid) as error:
            yield Problem(f"annotation {number}", str(error))
    yield Item(asset, read_label(tuple(annotations)), place=image["place"])


def _annotation(row: Any, asset: Asset, classes: Classes, report: LossReport) -> Annotation:
    category = classes.get(fields.entry(row, "category_id"))
    if category is None:
        raise RecordBroken("Its category is not in the file.")
    name = f"c{row.get('id', '')}"
    if row.get("iscrowd") == 1:
        report.change("crowd read as one object", f"{asset.key[:80]} {name}")
    return Annotation(name[:64], *category, _value(row, asset, report), fields.score(row.get("score")))


def _value(row: dict[str, Any], asset: Asset, report: LossReport) -> Shape:
    segmentation = row.get("segmentation")
    if isinstance(segmentation, dict):
        return _mask(segmentation, asset)
    if isinstance(segmentation, list) and segmentation:
        polygon = Polygon(tuple(_ring(ring) for ring in segmentation))
        if rings.apart(polygon):
            return polygon
        report.change("overlapping rings read as their union", f"{asset.key[:80]} c{row.get('id', '')}")
        return rings.united(polygon)
    box = fields.rows(fields.entry(row, "bbox"), "The box")
    if len(box) != 4:
        raise RecordBroken("The box does not have four numbers.")
    return Box(*(fields.number(value, "A side of the box") for value in box))


def _ring(ring: Any) -> tuple[float, ...]:
    values = fields.rows(ring, "A polygon")
    if len(values) < 6 or len(values) % 2:
        raise RecordBroken("A polygon has fewer than three points, or half a point.")
    return tuple(fields.number(value, "A coordinate") for value in values)


def _mask(segmentation: dict[str, Any], asset: Asset) -> Shape:
    size = fields.rows(fields.entry(segmentation, "size"), "The mask's size")
    if size != [asset.height_px, asset.width_px]:
        raise RecordBroken("The mask is not of the picture's size.")
    counts = fields.entry(segmentation, "counts")
    if isinstance(counts, str):
        return runs.from_text(counts, asset.height_px, asset.width_px)
    return runs.from_counts(fields.rows(counts, "The run lengths"), asset.height_px, asset.width_px)
