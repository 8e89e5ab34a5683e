"""CVAT for images read, picture by picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from formats import fields, runs
from formats.codec import Declared
from formats.errors import RecordBroken
from formats.item import Item, Problem, read_label
from formats.jsonstream import opened
from formats.members import members
from formats.xmlstream import Element, elements
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Polygon, Value, annotation_id

_SHAPES = ("tag", "box", "polygon", "mask")
_UNREAD = ("polyline", "points", "cuboid", "skeleton", "ellipse")


def read(path: Path, declared: Declared) -> Iterator[Item | Problem]:
    """Pictures of annotations.xml, which may lie in an archive as CVAT hands it out."""
    with _xml(path) as file:
        for element in elements(file, frozenset({"label", "image"})):
            if element.tag == "label":
                if name := element.value("name"):
                    declared.append(("", name))
                continue
            try:
                yield from _picture(element)
            except RecordBroken as error:
                yield Problem(f"line {element.line}", str(error))


@contextmanager
def _xml(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix.lower() == ".zip" or path.is_dir():
        yield BytesIO(members(path).read("annotations.xml"))
        return
    with opened(path) as file:
        yield file


def _picture(element: Element) -> Iterator[Item | Problem]:
    given = element.attributes
    asset = Asset(
        given.get("name", ""),
        width_px=fields.side(given.get("width"), "The width"),
        height_px=fields.side(given.get("height"), "The height"),
    )
    found: list[Annotation] = []
    groups: dict[tuple[str, str], int] = {}
    for shape in element.children:
        place = f"line {shape.line}"
        if shape.tag in _UNREAD:
            yield Problem(place, f"A {shape.tag} has no place in an ontology.")
        elif shape.tag in _SHAPES:
            try:
                _add(found, groups, shape, asset)
            except (RecordBroken, AnnotationInvalid) as error:
                yield Problem(place, str(error))
    yield Item(asset, read_label(tuple(found)), place=f"line {element.line}")


def _add(found: list[Annotation], groups: dict[tuple[str, str], int], shape: Element, asset: Asset) -> None:
    category = fields.category(shape.attributes.get("label"))
    value = _value(shape, asset)
    group = (shape.attributes.get("group_id") or "0", category)
    if isinstance(value, Polygon) and group[0] != "0":
        at = groups.setdefault(group, len(found))
        if at < len(found):
            first = found[at]
            assert isinstance(first.value, Polygon)  # noqa: S101 - only polygons are entered in groups
            rings = first.value.rings + value.rings
            found[at] = Annotation(first.id, "", category, Polygon(rings))
            return
    found.append(Annotation(annotation_id(len(found)), "", category, value))


def _value(shape: Element, asset: Asset) -> Value:
    given = shape.attributes
    match shape.tag:
        case "tag":
            return Choice()
        case "box":
            x0, y0, x1, y1 = (
                fields.number(given.get(e), f"The edge {e}") for e in ("xtl", "ytl", "xbr", "ybr")
            )
            return Box(x0, y0, x1 - x0, y1 - y0)
        case "polygon":
            return Polygon((_ring(given.get("points", "")),))
        case _:
            sides = [
                fields.whole(given.get(e), f"The mask's {e}") for e in ("left", "top", "width", "height")
            ]
            lengths = [fields.whole(n, "A run length") for n in given.get("rle", "").split(",")]
            box = (sides[0], sides[1], sides[2], sides[3])
            return runs.from_rows_of_box(lengths, box, asset.height_px, asset.width_px)


def _ring(points: str) -> tuple[float, ...]:
    values = [fields.number(v, "A coordinate") for point in points.split(";") for v in point.split(",")]
    if len(values) < 6 or len(values) % 2:
        raise RecordBroken("A polygon has fewer than three points, or half a point.")
    return tuple(values)
