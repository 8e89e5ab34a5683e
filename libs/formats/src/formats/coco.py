"""COCO: instances with polygons, run lengths and boxes. https://cocodataset.org/#format-data

Pictures and annotations are two arrays, so annotations are written beside and appended at the end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from formats import rings
from formats.codec import Place
from formats.draft import Lines, as_json
from formats.fields import plain_number
from formats.fitting import Fit, place_of
from formats.item import Item, is_picture
from formats.names import SHAPES, Categories
from formats.options import Options
from formats.report import LossReport
from labels import geometry, rle
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Mask, Polygon
from labels.ontology import Ontology

_CHUNK = 1 << 20
_BATCH_VALUES = 20_000
_MASK_VALUES = 500


class CocoWriter:
    """One instances file; category ids count from 1, the tool stands as `supercategory` and `tool`."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        names = self._categories = Categories(ontology, SHAPES, options.tool)
        self._report = report
        self._fit = Fit(report)
        self._plain = options.plain_runs
        self._images = Lines(place.path)
        self._beside = place.path.with_name(place.path.name + ".annotations")
        self._annotations = Lines(self._beside)
        self._number = 0
        self._values = 0
        self._pending: list[tuple[dict[str, Any], Any]] = []
        listed = [
            {"id": n, "name": name, "supercategory": tool, "tool": tool}
            for n, (name, tool) in enumerate(((name, names.tool(name)) for name in names.names), start=1)
        ]
        info = {"description": "Labelmesh export", "version": "1.0"}
        self._images.write(
            f'{{"info":{as_json(info)},\n"licenses":[],\n"categories":{as_json(listed)},\n"images":['
        )

    def add(self, item: Item) -> None:
        """Write a picture and its annotations."""
        asset = item.asset
        if not is_picture(asset):
            for annotation in item.annotations:
                self._report.drop("text, which COCO does not hold", place_of(asset, annotation))
            return
        self._report.assets += 1
        self._report.labels += 1
        image_id = self._report.assets
        image = {"id": image_id, "file_name": asset.key, "width": asset.width_px, "height": asset.height_px}
        self._images.write(("\n" if image_id == 1 else ",\n") + as_json(image))
        for annotation in item.annotations:
            self._write(item, image_id, annotation)

    def _write(self, item: Item, image_id: int, annotation: Annotation) -> None:
        category = self._categories.number(annotation)
        if category is None:
            self._report.drop("not a shape, which is all that COCO holds", place_of(item.asset, annotation))
            return
        shape = self._shape(item, annotation)
        if shape is None:
            return
        self._number += 1
        row = {"id": self._number, "image_id": image_id, "category_id": category + 1, **shape, "iscrowd": 0}
        if annotation.confidence:
            row["score"] = annotation.confidence
        outline = shape["segmentation"] if "area" not in shape else None
        self._pending.append((row, outline))
        self._values += sum(map(len, outline)) if outline else _MASK_VALUES
        if self._values >= _BATCH_VALUES:
            self._flush()
        self._report.written += 1

    def _flush(self) -> None:
        """Write what is pending: areas are measured by the batch, which costs a tenth of one by one."""
        outlined = [
            (row, Polygon(tuple(map(tuple, rings_of)))) for row, rings_of in self._pending if rings_of
        ]
        for (row, _), area in zip(outlined, _areas([polygon for _, polygon in outlined]), strict=True):
            row["area"] = area
        for row, _ in self._pending:
            self._annotations.write(("\n" if row["id"] == 1 else ",\n") + as_json(row))
        self._pending.clear()
        self._values = 0

    def _shape(self, item: Item, annotation: Annotation) -> Mapping[str, Any] | None:
        place = place_of(item.asset, annotation)
        try:
            match annotation.value:
                case Box() as box:
                    return _boxed(box) | {"area": plain_number(box.width_px * box.height_px)}
                case Mask() as mask:
                    return self._run_lengths(mask)
                case Polygon():
                    return self._outline(item, annotation)
        except AnnotationInvalid as error:
            self._report.drop(str(error).removesuffix(".").lower(), place)
        return None

    def _outline(self, item: Item, annotation: Annotation) -> Mapping[str, Any] | None:
        polygon = self._fit.polygon(item.asset, annotation)
        if polygon is None:
            return None
        if not rings.apart(polygon):
            # COCO fills every ring, holes too; run lengths keep them to the pixel.
            mask = self._fit.mask(item.asset, annotation)
            return None if mask is None else self._run_lengths(mask)
        box = rings.bounds(polygon)
        if box is None:
            self._report.drop("shape without area", place_of(item.asset, annotation))
            return None
        segmentation = [[plain_number(value) for value in ring] for ring in polygon.rings]
        return {"segmentation": segmentation, **_boxed(box)}

    def _run_lengths(self, mask: Mask) -> Mapping[str, Any] | None:
        box = rle.bounds(mask) or Box(0, 0, 0, 0)
        counts = rle.decode(mask).tolist() if self._plain else mask.counts.decode("ascii")
        segmentation = {"size": [mask.height_px, mask.width_px], "counts": counts}
        return {"segmentation": segmentation, "area": rle.area(mask), **_boxed(box)}

    def close(self) -> None:
        """Append the annotations to the pictures."""
        self._flush()
        self._annotations.close()
        try:
            self._images.write('\n],\n"annotations":[')
            with self._beside.open(encoding="utf-8") as beside:
                while chunk := beside.read(_CHUNK):
                    self._images.write(chunk)
            self._images.write("\n]}\n")
        finally:
            self._beside.unlink(missing_ok=True)
            self._images.close()


def _boxed(box: Box) -> dict[str, Any]:
    return {"bbox": [plain_number(v) for v in (box.x_px, box.y_px, box.width_px, box.height_px)]}


def _areas(polygons: Sequence[Polygon]) -> list[float]:
    """Square pixels; of one too tangled to be measured, of its outline's box."""
    try:
        return geometry.areas(polygons).tolist() if polygons else []
    except AnnotationInvalid:
        if len(polygons) > 1:
            return [area for polygon in polygons for area in _areas([polygon])]
        box = rings.bounds(polygons[0])
        return [box.width_px * box.height_px if box else 0.0]
