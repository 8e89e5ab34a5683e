"""Label Studio's JSON: a list of tasks with results. https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks

Coordinates are percent of the picture's sides. A polygon is one ring: the parts of one object carry the same
`meta.group`, and a polygon with holes becomes a brush stroke.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from formats import labelstudio_reading, rings, runs
from formats.codec import Declared, Place
from formats.draft import Array
from formats.fitting import Fit, label_at_hand, place_of
from formats.item import Item, Problem, Status, is_picture
from formats.options import Options
from formats.report import LossReport
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Label, LabelKind, Mask, Polygon, Span
from labels.ontology import Ontology

Result = dict[str, Any]


class LabelStudioWriter:
    """A list of tasks: people's labels as annotations, models' as predictions."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._report = report
        self._fit = Fit(report)
        self._array = Array(place.path)

    def add(self, item: Item) -> None:
        """Write a task."""
        asset, label = item.asset, label_at_hand(item, self._report)
        if label is None:
            return
        self._report.assets += 1
        self._report.labels += 1
        result = [one for annotation in label.annotations for one in self._results(item, annotation)]
        content = {"image": asset.key} if is_picture(asset) else {"text": asset.text, "key": asset.key}
        task: dict[str, Any] = {
            "id": self._report.assets,
            "data": content,
            "annotations": [],
            "predictions": [],
        }
        if label.kind is LabelKind.PREDICTION:
            task["predictions"] = [_prediction(label, result)]
        else:
            reviewed = item.status is Status.REVIEWED
            task["annotations"] = [{"result": result, "ground_truth": reviewed, "was_cancelled": False}]
        self._array.add(task)

    def _results(self, item: Item, annotation: Annotation) -> list[Result]:
        try:
            values = self._values(item, annotation)
        except AnnotationInvalid as error:
            self._report.drop(str(error).removesuffix(".").lower(), place_of(item.asset, annotation))
            return []
        if not values:
            return []
        self._report.written += 1
        head = {"from_name": annotation.tool, "to_name": "image" if is_picture(item.asset) else "text"}
        if is_picture(item.asset) and not isinstance(annotation.value, Choice):
            sides = {"original_width": item.asset.width_px, "original_height": item.asset.height_px}
            head |= {**sides, "image_rotation": 0}  # type: ignore[dict-item]
        if annotation.confidence:
            head |= {"score": annotation.confidence}  # type: ignore[dict-item]
        if len(values) == 1:
            return [{"id": annotation.id, **head, **values[0]}]
        self._report.change("parts written as a group", place_of(item.asset, annotation), 1.0)
        group = {"meta": {"group": annotation.id}}
        return [{"id": f"{annotation.id}-{n}", **head, **value, **group} for n, value in enumerate(values)]

    def _values(self, item: Item, annotation: Annotation) -> list[Result]:
        asset, names = item.asset, [annotation.category]
        match annotation.value:
            case Choice():
                return [_typed("choices", {"choices": names})]
            case Span(start, end, text):
                return [_typed("labels", {"start": start, "end": end, "text": text, "labels": names})]
            case Box(x, y, width, height):
                across, down = 100.0 / asset.width_px, 100.0 / asset.height_px
                sides = {"x": x * across, "y": y * down, "width": width * across, "height": height * down}
                return [_typed("rectanglelabels", {**sides, "rotation": 0, "rectanglelabels": names})]
            case Mask() as mask:
                return [_brush(mask, names)]
            case Polygon():
                polygon = self._fit.polygon(asset, annotation)
                if polygon is None:
                    return []
                if rings.apart(polygon):
                    sides_px = (asset.width_px, asset.height_px)
                    return [_outline(ring, sides_px, names) for ring in polygon.rings]
                strokes = self._fit.mask(asset, annotation)
                return [] if strokes is None else [_brush(strokes, names)]

    def close(self) -> None:
        """End the list."""
        self._array.close()


def _typed(kind: str, value: dict[str, Any]) -> Result:
    return {"type": kind, "value": value}


def _brush(mask: Mask, names: list[str]) -> Result:
    return _typed("brushlabels", {"format": "rle", "rle": runs.pack(mask), "brushlabels": names})


def _outline(ring: rings.Ring, sides_px: tuple[int, int], names: list[str]) -> Result:
    width, height = sides_px
    points = [[100.0 * x / width, 100.0 * y / height] for x, y in zip(ring[::2], ring[1::2], strict=True)]
    return _typed("polygonlabels", {"points": points, "closed": True, "polygonlabels": names})


def _prediction(label: Label, result: list[Result]) -> dict[str, Any]:
    made: dict[str, Any] = {"model_version": label.author, "result": result}
    return made | {"score": label.confidence.raw} if label.confidence else made


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Tasks in the order of the file, each with its last answer that was not skipped, else its last prediction."""
    return labelstudio_reading.read(path, options, report)
