"""Mask PNG: a picture of numbers for each picture, and a legend that says what they mean.

A pixel's value is the number of the object it belongs to, 0 for none (with `semantic` the number of the category).
Values up to 255 make a PNG of 8 bits, more one of 16. A pixel has one owner: where objects overlap the smaller one has
it, and the report says what that cost the larger.
"""

import json
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from formats import fields
from formats.aside import Aside
from formats.codec import Declared, Place
from formats.draft import Names, tree
from formats.errors import FileUnusable, RecordBroken
from formats.fitting import Fit, place_of
from formats.item import Item, Problem, is_picture, read_label
from formats.members import Members, members
from formats.names import SHAPES, Categories
from formats.options import Options
from formats.report import LossReport
from labels import rle
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Mask
from labels.ontology import Ontology

LEGEND = "legend.jsonl"
_MAX_VALUE = 65_535


class MaskPngWriter:
    """A folder or archive with masks/*.png and legend.jsonl."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._categories = Categories(ontology, SHAPES, options.tool)
        self._semantic = options.semantic
        self._report = report
        self._fit = Fit(report)
        self._tree = tree(place.path, place.target)
        self._names = Names()
        self._legend = Aside(LEGEND)

    def add(self, item: Item) -> None:
        """Write a picture's numbers and its line of the legend."""
        asset = item.asset
        if not is_picture(asset) or not asset.width_px:
            for annotation in item.annotations:
                self._report.drop("not a picture of known size", place_of(asset, annotation))
            return
        values = np.zeros((asset.height_px, asset.width_px), dtype=np.uint16)
        drawn = self._draw(item, values)
        name = f"masks/{self._names.of(asset.key)}.png"
        self._tree.put(name, png(values))
        self._legend.add(self._line(item, name, drawn))
        self._report.assets += 1
        self._report.labels += 1
        self._report.written += len(drawn)

    def _draw(self, item: Item, values: NDArray[np.uint16]) -> list[tuple[int, Annotation]]:
        """Draw every object, the largest first; those that keep a pixel with their values."""
        drawn: list[tuple[int, Annotation, Mask, int]] = []
        for annotation in item.annotations:
            place = place_of(item.asset, annotation)
            number = self._categories.number(annotation)
            if number is None:
                self._report.drop("not a shape, which is all that a mask holds", place)
                continue
            mask = self._fit.mask(item.asset, annotation)
            value = number + 1 if self._semantic else len(drawn) + 1
            if mask is None:
                continue
            try:
                if value > _MAX_VALUE:
                    raise AnnotationInvalid("More objects than a PNG has values.")
                drawn.append((value, annotation, mask, rle.area(mask)))
            except AnnotationInvalid as error:
                self._report.drop(str(error).removesuffix(".").lower(), place)
        for value, _, mask, _ in sorted(drawn, key=lambda one: -one[3]):
            values[rle.to_bitmap(mask)] = value
        return self._settled(
            item, values, [(value, annotation, size) for value, annotation, _, size in drawn]
        )

    def _settled(
        self, item: Item, values: NDArray[np.uint16], sizes: list[tuple[int, Annotation, int]]
    ) -> list[tuple[int, Annotation]]:
        left = np.bincount(values.ravel(), minlength=len(sizes) + 1)
        kept = []
        for value, annotation, size in sizes:
            place = place_of(item.asset, annotation)
            if self._semantic:
                kept.append((value, annotation))
            elif not left[value]:
                self._report.drop("object hidden by smaller ones, or without pixels", place)
            else:
                if left[value] < size:
                    self._report.change("pixels given to a smaller object", place, float(left[value] / size))
                kept.append((value, annotation))
        if self._semantic and len({value for value, _ in kept}) < len(kept):
            self._report.change("objects of one category merged", item.asset.key[:80], 0.0)
        return kept

    def _line(self, item: Item, name: str, drawn: list[tuple[int, Annotation]]) -> dict[str, Any]:
        objects = [
            {"value": value, "tool": a.tool, "category": a.category, "id": a.id, "confidence": a.confidence}
            for value, a in drawn
        ]
        size = [item.asset.width_px, item.asset.height_px]
        return {"key": item.asset.key, "mask": name, "size": size, "objects": objects}

    def close(self) -> None:
        """Write the legend and the archive's directory."""
        self._legend.put_into(self._tree)
        self._tree.close()


def png(values: NDArray[np.uint16]) -> bytes:
    """The numbers as a PNG, of 8 bits where they fit."""
    small = int(values.max(initial=0)) <= 255
    file = BytesIO()
    Image.fromarray(values.astype(np.uint8) if small else values).save(file, "PNG")
    return file.getvalue()


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Pictures in the order of the legend. Raises FileUnusable without one: numbers alone name no classes."""
    found = members(path)
    if LEGEND not in found.names():
        raise FileUnusable(f"There is no {LEGEND}, so the values of the masks have no names.")
    for number, line in enumerate(found.read(LEGEND).splitlines(), start=1):
        place = f"{LEGEND} line {number}"
        try:
            yield _item(found, json.loads(line), place)
        except (RecordBroken, AnnotationInvalid) as error:
            yield Problem(place, str(error))
        except ValueError:
            yield Problem(place, "The line is not JSON.")
        except KeyError:
            yield Problem(place, "Its mask is not in the archive.")
    yield from found.refused()


def _item(found: Members, row: Any, place: str) -> Item:
    size = fields.rows(fields.entry(row, "size"), "The size")
    if len(size) != 2:
        raise RecordBroken("The size is not width and height.")
    width_px, height_px = (fields.side(n, "A side") for n in size)
    values = _values(found.read(fields.text(fields.entry(row, "mask"), "The mask's name")))
    if values.shape != (height_px, width_px):
        raise RecordBroken("The mask is not of the picture's size.")
    annotations = []
    seen: set[int] = set()
    for one in fields.rows(fields.entry(row, "objects"), "The objects"):
        value = fields.whole(fields.entry(one, "value"), "The value")
        bitmap = values == value
        if value in seen or not bitmap.any():
            continue
        seen.add(value)
        name, tool = str(one.get("id", value)), str(one.get("tool", ""))
        category = fields.category(fields.entry(one, "category"))
        mask = rle.encode(bitmap)
        annotations.append(Annotation(name, tool, category, mask, fields.score(one.get("confidence"))))
    key = fields.text(fields.entry(row, "key"), "The key")
    asset = Asset(key, width_px=width_px, height_px=height_px)
    return Item(asset, read_label(tuple(annotations)), place=place)


def _values(data: bytes) -> NDArray[np.int64]:
    """The numbers of a PNG; raises RecordBroken."""
    try:
        with warnings.catch_warnings(action="ignore", category=Warning):
            image = Image.open(BytesIO(data), formats=("PNG",))
            if image.width * image.height > rle.MAX_PIXELS:
                raise RecordBroken("The mask has too many pixels.")
            values = np.asarray(image)
    except RecordBroken:
        raise
    except Exception:  # noqa: BLE001 - decoders raise anything at all over a damaged file
        raise RecordBroken("The mask is not a PNG that can be read.") from None
    if values.ndim != 2:
        raise RecordBroken("The mask has colours instead of numbers.")
    return values.astype(np.int64)
