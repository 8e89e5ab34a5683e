"""CVAT for images 1.1: one XML file. https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/

A polygon is one ring: the parts of one object are polygons of one group, and a polygon with holes becomes a mask. A
mask's run lengths go along the rows of its own box - COCO's go down the columns of the whole picture.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from formats import cvat_reading, rings, runs
from formats.codec import Declared, Place
from formats.draft import Lines
from formats.fields import plain_number
from formats.fitting import Fit, place_of
from formats.item import Item, Problem, is_picture
from formats.names import CHOICES, SHAPES, Categories
from formats.options import Options
from formats.report import LossReport
from formats.xmltext import sayable
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Mask, Polygon
from labels.ontology import Ontology


class CvatWriter:
    """One file; pictures are numbered from 0."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._categories = Categories(ontology, SHAPES | CHOICES, options.tool)
        self._report = report
        self._fit = Fit(report)
        self._lines = Lines(place.path)
        self._group = 0
        labels = "".join(f"<label><name>{escape(name)}</name></label>" for name in self._categories.names)
        self._lines.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
            f"<meta><task><labels>{labels}</labels></task></meta>\n"
        )

    def add(self, item: Item) -> None:
        """Write a picture."""
        asset = item.asset
        if not is_picture(asset):
            for annotation in item.annotations:
                self._report.drop("text, which CVAT does not hold", place_of(asset, annotation))
            return
        head = f'<image id="{self._report.assets}" name={quoteattr(sayable(asset.key))}'
        self._lines.write(f'{head} width="{asset.width_px}" height="{asset.height_px}">\n')
        for annotation in item.annotations:
            if lines := self._annotation(item, annotation):
                self._lines.write(lines)
                self._report.written += 1
        self._lines.write("</image>\n")
        self._report.assets += 1
        self._report.labels += 1

    def _annotation(self, item: Item, annotation: Annotation) -> str:
        place = place_of(item.asset, annotation)
        name = self._categories.name(annotation)
        if name is None:
            self._report.drop("span, which CVAT does not hold", place)
            return ""
        label = f"label={quoteattr(name)}"
        try:
            match annotation.value:
                case Choice():
                    return f'  <tag {label} source="manual"/>\n'
                case Box(x, y, width, height):
                    edges = f'xtl="{_n(x)}" ytl="{_n(y)}" xbr="{_n(x + width)}" ybr="{_n(y + height)}"'
                    return f'  <box {label} source="manual" occluded="0" {edges} z_order="0"/>\n'
                case Mask() as mask:
                    return _mask(label, mask)
                case Polygon():
                    return self._polygon(item, annotation, label)
        except AnnotationInvalid as error:
            self._report.drop(str(error).removesuffix(".").lower(), place)
        return ""

    def _polygon(self, item: Item, annotation: Annotation, label: str) -> str:
        polygon = self._fit.polygon(item.asset, annotation)
        if polygon is None:
            return ""
        if not rings.apart(polygon):
            mask = self._fit.mask(item.asset, annotation)
            return "" if mask is None else _mask(label, mask)
        group = ""
        if len(polygon.rings) > 1:
            self._group += 1
            group = f' group_id="{self._group}"'
            self._report.change("parts written as a group", place_of(item.asset, annotation), 1.0)
        return "".join(
            f'  <polygon {label} source="manual" occluded="0" points="{_points(ring)}" z_order="0"{group}/>\n'
            for ring in polygon.rings
        )

    def close(self) -> None:
        """End the file."""
        self._lines.write("</annotations>\n")
        self._lines.close()


def _mask(label: str, mask: Mask) -> str:
    lengths, x, y, width, height = runs.to_rows_of_box(mask)
    box = f'left="{x}" top="{y}" width="{width}" height="{height}"'
    rle = ", ".join(map(str, lengths))
    return f'  <mask {label} source="manual" occluded="0" rle="{rle}" {box} z_order="0"/>\n'


def _points(ring: rings.Ring) -> str:
    return ";".join(f"{_n(x)},{_n(y)}" for x, y in zip(ring[::2], ring[1::2], strict=True))


def _n(value: float) -> str:
    return str(plain_number(value))


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Pictures in the order of the file; polygons of one group and class are the parts of one object."""
    return cvat_reading.read(path, declared)
