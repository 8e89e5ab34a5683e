"""Pascal VOC: an XML file a picture with boxes of whole pixels.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf - xmin ... ymax are the first and last pixels in the box,
and the devkit counts them from 1. Outlines have no place: shapes are written as the boxes around them.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

from formats import fields
from formats.aside import Aside
from formats.codec import Declared, Place
from formats.draft import Names, tree
from formats.errors import FileUnusable, RecordBroken
from formats.fitting import Fit, overlap, place_of
from formats.item import Item, Problem, is_picture, read_label
from formats.members import members
from formats.names import SHAPES, Categories
from formats.options import Options
from formats.report import LossReport
from formats.xmlstream import Element, elements
from formats.xmltext import sayable
from labels.asset import Asset
from labels.label import Annotation, Box, annotation_id
from labels.ontology import Ontology


class VocWriter:
    """A folder or archive with Annotations/*.xml, their names in ImageSets/Main and the classes in labelmap.txt."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._categories = Categories(ontology, SHAPES, options.tool)
        self._first = options.voc_first_px
        self._report = report
        self._fit = Fit(report)
        self._tree = tree(place.path, place.target)
        self._names = Names()
        self._listed = Aside("ImageSets/Main/default.txt")
        classes = "".join(f"{name}:::\n" for name in self._categories.names)
        self._tree.put("labelmap.txt", f"# label:color_rgb:parts:actions\n{classes}".encode())

    def add(self, item: Item) -> None:
        """Write a picture's file."""
        asset = item.asset
        if not is_picture(asset):
            for annotation in item.annotations:
                self._report.drop("text, which Pascal VOC does not hold", place_of(asset, annotation))
            return
        objects = [found for annotation in item.annotations if (found := self._object(item, annotation))]
        head = (
            f"<annotation>\n  <filename>{escape(sayable(asset.key))}</filename>\n"
            f"  <size><width>{asset.width_px}</width><height>{asset.height_px}</height><depth>3</depth></size>\n"
            "  <segmented>0</segmented>\n"
        )
        text = head + "".join(objects) + "</annotation>\n"
        name = self._names.of(asset.key)
        self._tree.put(f"Annotations/{name}.xml", text.encode())
        self._listed.line(name)
        self._report.assets += 1
        self._report.labels += 1
        self._report.written += len(objects)

    def _object(self, item: Item, annotation: Annotation) -> str:
        place = place_of(item.asset, annotation)
        name = self._categories.name(annotation)
        if name is None:
            self._report.drop("not a shape, which is all that Pascal VOC holds", place)
            return ""
        box = self._fit.box(item.asset, annotation)
        if box is None:
            return ""
        x0, y0 = round(box.x_px), round(box.y_px)
        x1, y1 = round(box.x_px + box.width_px), round(box.y_px + box.height_px)
        if x1 <= x0 or y1 <= y0:
            self._report.drop("box without a whole pixel", place)
            return ""
        rounded = Box(x0, y0, x1 - x0, y1 - y0)
        if rounded != box:
            self._report.change("box rounded to whole pixels", place, overlap(box, rounded))
        edges = (("xmin", x0), ("ymin", y0), ("xmax", x1 - 1), ("ymax", y1 - 1))
        lines = "".join(f"<{tag}>{value + self._first}</{tag}>" for tag, value in edges)
        return (
            f"  <object><name>{escape(name)}</name><pose>Unspecified</pose><truncated>0</truncated>"
            f"<difficult>0</difficult><bndbox>{lines}</bndbox></object>\n"
        )

    def close(self) -> None:
        """Write the list and the archive's directory."""
        self._listed.put_into(self._tree)
        self._tree.close()


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Pictures by the names of their files."""
    single = path.is_file() and path.suffix.lower() == ".xml"
    found = members(path.parent if single else path)
    names = [path.name] if single else [name for name in found.names() if name.lower().endswith(".xml")]
    for name in names:
        try:
            for record in elements(BytesIO(found.read(name)), frozenset({"annotation"})):
                yield from _picture(record, name, options)
        except (RecordBroken, FileUnusable) as error:
            yield Problem(name, str(error))
    yield from found.refused()


def _picture(record: Element, name: str, options: Options) -> Iterator[Item | Problem]:
    size = record.first("size")
    width, height = (size.value("width"), size.value("height")) if size else ("", "")
    key = record.value("filename") or Path(name).with_suffix(".jpg").name
    asset = Asset(key, width_px=fields.side(width, "The width"), height_px=fields.side(height, "The height"))
    annotations: list[Annotation] = []
    for element in record.all("object"):
        try:
            annotations.append(_annotation(element, len(annotations), options.voc_first_px))
        except RecordBroken as error:
            yield Problem(f"{name} line {element.line}", str(error))
    yield Item(asset, read_label(tuple(annotations)), place=name)


def _annotation(element: Element, index: int, first: int) -> Annotation:
    box = element.first("bndbox")
    if box is None:
        raise RecordBroken("The object has no box.")
    x0, y0, x1, y1 = (fields.number(box.value(t), f"<{t}>") - first for t in ("xmin", "ymin", "xmax", "ymax"))
    if x1 < x0 or y1 < y0:
        raise RecordBroken("The box ends before it begins.")
    category = fields.category(element.value("name"))
    return Annotation(annotation_id(index), "", category, Box(x0, y0, x1 - x0 + 1, y1 - y0 + 1))
