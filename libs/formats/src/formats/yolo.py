"""YOLO: a text file a picture, a line an object, coordinates as shares of the picture's sides.

https://docs.ultralytics.com/datasets/segment/ - a line is one outline. Trainers fill it by the even-odd rule, so the
rings of an object are joined by cuts, out and back on the same line: nothing is filled that was a hole, and an object
of several parts stays one object. Pictures' sizes are in no YOLO file; `sizes.jsonl` beside it keeps them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from formats import fields, pictures, rings, yolo_sizes
from formats.aside import Aside
from formats.codec import Declared, Place
from formats.draft import Names, tree
from formats.errors import FileUnusable, RecordBroken
from formats.fitting import Fit, place_of
from formats.item import Item, Problem, is_picture, read_label
from formats.members import Members, members
from formats.names import SHAPES, Categories
from formats.options import Options, Shapes
from formats.report import LossReport
from formats.yolo_sizes import Sizes, sizes_in
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Polygon, annotation_id
from labels.ontology import Ontology, ToolKind

_MAX_YAML = 4 << 20


class YoloWriter:
    """A folder or archive with data.yaml, labels/train and sizes.jsonl."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._categories = Categories(ontology, SHAPES, options.tool)
        kinds = {tool.kind for tool in self._categories.tools}
        outlines = bool(kinds & {ToolKind.POLYGON, ToolKind.MASK})
        self._outlines = outlines if options.shapes is Shapes.AUTO else options.shapes is Shapes.OUTLINES
        self._report = report
        self._fit = Fit(report)
        self._tree = tree(place.path, place.target)
        self._names = Names()
        self._sizes = Aside(yolo_sizes.FILE)
        named = dict(enumerate(self._categories.names))
        head = {"path": ".", "train": "images/train", "val": "images/train", "names": named}
        self._tree.put("data.yaml", yaml.safe_dump(head, sort_keys=False, allow_unicode=True).encode())

    def add(self, item: Item) -> None:
        """Write a picture's lines."""
        asset = item.asset
        if not is_picture(asset):
            for annotation in item.annotations:
                self._report.drop("text, which YOLO does not hold", place_of(asset, annotation))
            return
        if not asset.width_px or not asset.height_px:
            for annotation in item.annotations:
                self._report.drop("picture of unknown size", place_of(asset, annotation))
            return
        lines = [line for annotation in item.annotations if (line := self._line(item, annotation))]
        name = self._names.of(asset.key)
        self._tree.put(f"labels/train/{name}.txt", "".join(lines).encode())
        self._sizes.add({"labels": name, "key": asset.key, "size": [asset.width_px, asset.height_px]})
        self._report.assets += 1
        self._report.labels += 1
        self._report.written += len(lines)

    def _line(self, item: Item, annotation: Annotation) -> str:
        number = self._categories.number(annotation)
        if number is None:
            self._report.drop("not a shape, which is all that YOLO holds", place_of(item.asset, annotation))
            return ""
        try:
            values = self._outline(item, annotation) if self._outlines else self._box(item, annotation)
        except AnnotationInvalid as error:
            self._report.drop(str(error).removesuffix(".").lower(), place_of(item.asset, annotation))
            return ""
        if values is None:
            return ""
        sides = (item.asset.width_px, item.asset.height_px)
        shares = [value / sides[at % 2] for at, value in enumerate(values)]
        if min(shares) < 0.0 or max(shares) > 1.0:
            self._report.warn(
                "Some coordinates lie outside of their picture; YOLO trainers leave such pictures out."
            )
        return " ".join([str(number), *map(_decimal, shares)]) + "\n"

    def _box(self, item: Item, annotation: Annotation) -> list[float] | None:
        box = self._fit.box(item.asset, annotation)
        if box is None:
            return None
        return [box.x_px + box.width_px / 2, box.y_px + box.height_px / 2, box.width_px, box.height_px]

    def _outline(self, item: Item, annotation: Annotation) -> list[float] | None:
        polygon = self._fit.polygon(item.asset, annotation)
        if polygon is None:
            return None
        if len(polygon.rings) > 1:
            what = "parts joined by cuts" if rings.apart(polygon) else "holes and parts joined by cuts"
            self._report.change(what, place_of(item.asset, annotation), 1.0)
        return list(rings.joined(polygon.rings))

    def close(self) -> None:
        """Write the sizes and the archive's directory."""
        self._sizes.put_into(self._tree)
        self._tree.close()


def _decimal(share: float) -> str:
    """All digits that are needed to read the same number again, never with an exponent."""
    text = repr(share)
    return text if "e" not in text else f"{share:.20f}".rstrip("0")


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Label files by name; sizes from sizes.jsonl, else from the pictures in `options.images` or the folder."""
    found = members(path)
    names = found.names()
    classes = _classes(found, names)
    declared += [("", name) for name in classes]
    folder = options.images or (path if path.is_dir() else None)
    listed = [n for n in names if n.endswith(".txt") and (n.startswith("labels/") or "/labels/" in n)]
    flat = [n for n in names if n.endswith(".txt") and "/" not in n and n not in ("classes.txt", "train.txt")]
    rows = found.read(yolo_sizes.FILE).splitlines() if yolo_sizes.FILE in names else []
    with sizes_in(rows) as sizes:
        for name in listed or flat:
            yield from _picture(found, name, classes, sizes, folder)
    yield from found.refused()


def _picture(
    found: Members, name: str, classes: list[str], sizes: Sizes, folder: Path | None
) -> Iterator[Item | Problem]:
    try:
        asset = _asset(name, sizes, folder)
        lines = found.read(name).decode()
    except UnicodeDecodeError:
        yield Problem(name, "The file is not UTF-8.")
        return
    except (RecordBroken, pictures.PictureBroken) as error:
        yield Problem(name, str(error))
        return
    annotations: list[Annotation] = []
    for number, line in enumerate(lines.splitlines(), start=1):
        try:
            if line.strip():
                annotations.append(_annotation(line.split(), len(annotations), classes, asset))
        except RecordBroken as error:
            yield Problem(f"{name} line {number}", str(error))
    yield Item(asset, read_label(tuple(annotations)), place=name)


def _classes(found: Members, names: list[str]) -> list[str]:
    """The names of the classes by number, from data.yaml, another .yaml, or classes.txt. Raises FileUnusable."""
    depth = sorted(names, key=lambda name: (name.count("/"), name != "data.yaml", name))
    for name in depth:
        if name.endswith((".yaml", ".yml")):
            return [fields.category(n) for n in _yaml_names(found.read(name))]
        if name.rsplit("/", 1)[-1] in ("classes.txt", "obj.names"):
            return [
                fields.category(n)
                for n in found.read(name).decode("utf-8", "replace").splitlines()
                if n.strip()
            ]
    raise FileUnusable("There is neither data.yaml nor classes.txt, so the classes have no names.")


def _yaml_names(data: bytes) -> list[Any]:
    if len(data) > _MAX_YAML:
        raise FileUnusable("data.yaml is larger than 4 MiB.")
    try:
        document = yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise FileUnusable("data.yaml is not YAML.") from None
    listed = document.get("names") if isinstance(document, dict) else None
    if isinstance(listed, dict) and set(listed) == set(range(len(listed))):
        listed = [listed[number] for number in range(len(listed))]
    if not isinstance(listed, list) or not listed:
        raise FileUnusable("data.yaml has no names for the classes 0, 1, 2 and so on.")
    return [name if isinstance(name, str) else str(name) for name in listed]


def _asset(name: str, sizes: Sizes, folder: Path | None) -> Asset:
    """The picture that a label file is about; raises RecordBroken or PictureBroken when its size is unknown."""
    stem = re.sub(r"^(.*/)?labels/(train/|val/|test/)?", "", name).removesuffix(".txt")
    known = sizes.of(stem)
    if known is not None:
        key, width_px, height_px = known
        return Asset(key, width_px=width_px, height_px=height_px)
    for where in (name.replace("labels/", "images/", 1).removesuffix(".txt"), stem):
        picture = pictures.find(folder, where) if folder else None
        if picture is not None:
            width_px, height_px = pictures.size_of(picture)
            return Asset(f"{stem}{picture.suffix}", width_px=width_px, height_px=height_px)
    raise RecordBroken("Its picture was not found, so its size is unknown; name the folder of the pictures.")


def _annotation(words: list[str], index: int, classes: list[str], asset: Asset) -> Annotation:
    number = fields.whole(words[0], "The class")
    if not 0 <= number < len(classes):
        raise RecordBroken(f"The class {number} has no name; there are {len(classes)}.")
    values = [fields.number(word, "A coordinate") for word in words[1:]]
    name = annotation_id(index)
    sides = (asset.width_px, asset.height_px)
    scaled = [value * sides[at % 2] for at, value in enumerate(values)]
    if len(values) in (4, 5):
        x, y, width, height = scaled[:4]
        box = Box(x - width / 2, y - height / 2, width, height)
        return Annotation(
            name, "", classes[number], box, fields.score(values[4]) if len(values) == 5 else 0.0
        )
    if len(values) < 6 or len(values) % 2:
        raise RecordBroken("A line needs a class and four numbers, or a class and three points or more.")
    return Annotation(name, "", classes[number], Polygon(rings.unjoined(tuple(scaled))))
