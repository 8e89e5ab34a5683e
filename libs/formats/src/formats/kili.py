"""Kili's JSON: a list of assets with labels, each a `jsonResponse` of jobs.

https://docs.kili-technology.com/docs/data-format - vertices are shares of the picture's sides. The rings of one part
are the `boundingPoly` of one annotation, its outline first and then its holes; the parts of one object share a `mid`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from formats import kili_reading, rings
from formats.codec import Declared, Place
from formats.draft import Array
from formats.fitting import Fit, label_at_hand, place_of
from formats.item import Item, Problem, Status, is_picture
from formats.options import Options
from formats.report import LossReport
from labels import shapes
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, LabelKind, Mask, Polygon, Span
from labels.ontology import Ontology

Job = dict[str, Any]


class KiliWriter:
    """A list of assets."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._report = report
        self._fit = Fit(report)
        self._array = Array(place.path)

    def add(self, item: Item) -> None:
        """Write an asset and its label."""
        asset, label = item.asset, label_at_hand(item, self._report)
        if label is None:
            return
        response: dict[str, Job] = {}
        for annotation in label.annotations:
            try:
                self._put(response, item, annotation)
            except AnnotationInvalid as error:
                self._report.drop(str(error).removesuffix(".").lower(), place_of(asset, annotation))
        kind = "REVIEW" if item.status is Status.REVIEWED else label.kind.value
        made = {"author": {"email": label.author}, "labelType": kind, "jsonResponse": response}
        if label.kind is LabelKind.PREDICTION:
            made["modelName"] = label.author
        row: dict[str, Any] = {"externalId": asset.key, "content": asset.text or "", "labels": [made]}
        if is_picture(asset):
            row["resolution"] = {"width": asset.width_px, "height": asset.height_px}
        self._array.add(row)
        self._report.assets += 1
        self._report.labels += 1

    def _put(self, response: dict[str, Job], item: Item, annotation: Annotation) -> None:
        category: dict[str, Any] = {"name": annotation.category}
        if annotation.confidence:
            category["confidence"] = round(100 * annotation.confidence, 6)
        if isinstance(annotation.value, Choice):
            response.setdefault(annotation.tool, {"categories": []})["categories"].append(category)
            self._report.written += 1
            return
        found = self._shapes(item, annotation)
        if not found:
            return
        job = response.setdefault(annotation.tool, {"annotations": []})
        job["annotations"] += [{"categories": [category], "mid": annotation.id, **shape} for shape in found]
        self._report.written += 1

    def _shapes(self, item: Item, annotation: Annotation) -> list[dict[str, Any]]:
        asset, value = item.asset, annotation.value
        match value:
            case Span(start, end, text):
                return [{"beginOffset": start, "endOffset": end, "content": text}]
            case Box():
                return [
                    {"type": "rectangle", "boundingPoly": [_vertices(rings.corners(value).rings[0], asset)]}
                ]
            case Polygon():
                polygon = self._fit.polygon(asset, annotation)
                return [] if polygon is None else _parts(polygon, "polygon", asset)
            case Mask():
                self._report.change("mask written as its outline", place_of(asset, annotation), 1.0)
                return _parts(shapes.mask_to_polygon(value), "semantic", asset)
        return []

    def close(self) -> None:
        """End the list."""
        self._array.close()


def _parts(polygon: Polygon, kind: str, asset: Asset) -> list[dict[str, Any]]:
    return [
        {"type": kind, "boundingPoly": [_vertices(ring, asset) for ring in (outline, *inner)]}
        for outline, inner in rings.parts(polygon)
    ]


def _vertices(ring: rings.Ring, asset: Asset) -> dict[str, Any]:
    pairs = zip(ring[::2], ring[1::2], strict=True)
    return {"normalizedVertices": [{"x": x / asset.width_px, "y": y / asset.height_px} for x, y in pairs]}


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Assets in the order of the file, each with its review, else its last label, else its last prediction."""
    return kili_reading.read(path, options, report)
