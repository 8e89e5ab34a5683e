"""Kili's JSON read, asset by asset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from formats import fields, pictures, rings
from formats.errors import RecordBroken
from formats.item import Item, Problem, Status, read_label
from formats.jsonstream import items
from formats.options import Options
from formats.placing import place_span
from formats.report import LossReport
from labels import shapes
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Choice, LabelKind, Polygon, Value

_ORDER = ("PREDICTION", "INFERENCE", "DEFAULT", "REVIEW")
_KINDS = {"PREDICTION": LabelKind.PREDICTION, "INFERENCE": LabelKind.PREDICTION}


def read(path: Path, options: Options, report: LossReport) -> Iterator[Item | Problem]:
    """See kili.read."""

    def read_one(row: Any, place: str) -> tuple[Item, list[Problem]]:
        reading = _Asset(row, place, options, report)
        return reading.item(), reading.problems

    return items(path, "asset", read_one)


class _Asset:
    """One asset."""

    def __init__(self, row: Any, place: str, options: Options, report: LossReport) -> None:
        self._row = row
        self._place = place
        self._options = options
        self._report = report
        self._masks: set[tuple[str, str]] = set()
        self.problems: list[Problem] = []

    def item(self) -> Item:
        """The asset and its label; raises RecordBroken."""
        key = fields.text(fields.entry(self._row, "externalId"), "The external id")
        answer = self._answer()
        asset = self._asset(key)
        if answer is None:
            return Item(asset, None, Status.UNLABELLED, self._place)
        kind = str(answer.get("labelType", "DEFAULT"))
        found = self._annotations(answer.get("jsonResponse"), asset)
        author = str(answer.get("modelName") or "")
        label = read_label(found, author, _KINDS.get(kind, LabelKind.DEFAULT))
        return Item(asset, label, Status.REVIEWED if kind == "REVIEW" else Status.UNREVIEWED, self._place)

    def _answer(self) -> dict[str, Any] | None:
        listed = self._row.get("labels") or (
            [self._row["latestLabel"]] if self._row.get("latestLabel") else []
        )
        answers = [one for one in fields.rows(listed, "The labels") if isinstance(one, dict)]
        if len(answers) > 1:
            self._report.warn("Some assets have several labels; one of each was read.")
        ranked = [one for one in answers if one.get("labelType", "DEFAULT") in _ORDER]
        if not ranked:
            return None
        return max(
            enumerate(ranked), key=lambda at: (_ORDER.index(at[1].get("labelType", "DEFAULT")), at[0])
        )[1]

    def _asset(self, key: str) -> Asset:
        size = self._row.get("resolution")
        if isinstance(size, dict):
            width, height = (fields.side(size.get(name), f"The {name}") for name in ("width", "height"))
            return Asset(key, width_px=width, height_px=height)
        content = self._row.get("content")
        if isinstance(content, str) and content and "://" not in content[:10]:
            return Asset(key, text=content)
        picture = pictures.find(self._options.images, key) if self._options.images else None
        if picture is None:
            raise RecordBroken("It has neither a text nor a resolution; name the folder of the pictures.")
        width, height = pictures.size_of(picture)
        return Asset(key, width_px=width, height_px=height)

    def _annotations(self, response: Any, asset: Asset) -> tuple[Annotation, ...]:
        if not isinstance(response, dict):
            raise RecordBroken("The label has no jsonResponse.")
        found: list[Annotation] = []
        objects: dict[tuple[str, str], int] = {}
        for tool, job in response.items():
            if not isinstance(job, dict) or not ("categories" in job or "annotations" in job):
                self.problems.append(
                    Problem(self._place, f'The job "{tool[:64]}" is of a kind that has no tool.')
                )
                continue
            for number, row in enumerate([*job.get("categories", []), *job.get("annotations", [])], start=1):
                try:
                    self._put(found, objects, tool, row, asset)
                except (RecordBroken, AnnotationInvalid) as error:
                    self.problems.append(Problem(f"{self._place} {tool[:64]} {number}", str(error)))
        return tuple(self._finished(one, asset) for one in found)

    def _put(
        self, found: list[Annotation], objects: dict[tuple[str, str], int], tool: str, row: Any, asset: Asset
    ) -> None:
        chosen = row
        if isinstance(row, dict) and "categories" in row:
            chosen = (fields.rows(row["categories"], "The categories") or [None])[0]
        category = fields.category(fields.entry(chosen, "name"))
        sure = fields.score(fields.number(chosen.get("confidence", 0), "The confidence") / 100)
        name = str(row.get("mid") or f"k{len(found)}")[:64]
        value = self._value(row, asset)
        at = objects.setdefault((tool, name), len(found))
        first = found[at] if at < len(found) else None
        if first is not None and isinstance(value, Polygon) and isinstance(first.value, Polygon):
            together = Polygon(first.value.rings + value.rings)
            found[at] = Annotation(first.id, tool, category, together, sure)
            return
        if isinstance(row, dict) and row.get("type") == "semantic":
            self._masks.add((tool, name))
        found.append(Annotation(name, tool, category, value, sure))

    def _value(self, row: dict[str, Any], asset: Asset) -> Value:
        if "beginOffset" in row:
            return self._span(row, asset)
        if "boundingPoly" not in row:
            return Choice()
        polygon = Polygon(tuple(_ring(one, asset) for one in fields.rows(row["boundingPoly"], "The outline")))
        if not polygon.rings:
            raise RecordBroken("The outline has no ring.")
        kind = row.get("type")
        if kind not in ("rectangle", "polygon", "semantic"):
            raise RecordBroken("The shape is of a type that has no tool.")
        box = rings.bounds(polygon) if kind == "rectangle" else None
        return box or polygon

    def _span(self, row: dict[str, Any], asset: Asset) -> Value:
        quoted = fields.text(fields.entry(row, "content"), "The span's text")
        start = fields.whole(row["beginOffset"], "The span")
        end = fields.whole(row.get("endOffset", start + len(quoted)), "The span")
        span, moved = place_span(asset.text or "", start, end, quoted)
        if span is None:
            raise RecordBroken("The span's characters are not where it says they are.")
        self._report.spans_moved += moved
        return span

    def _finished(self, one: Annotation, asset: Asset) -> Annotation:
        """A semantic object becomes a mask once all of its parts are there."""
        if (one.tool, one.id) not in self._masks or not isinstance(one.value, Polygon):
            return one
        mask = shapes.polygon_to_mask(one.value, asset.height_px, asset.width_px)
        return Annotation(one.id, one.tool, one.category, mask, one.confidence)


def _ring(row: Any, asset: Asset) -> tuple[float, ...]:
    values: list[float] = []
    for vertex in fields.rows(fields.entry(row, "normalizedVertices"), "The vertices"):
        x, y = (fields.number(fields.entry(vertex, axis), "A coordinate") for axis in ("x", "y"))
        values += (x * asset.width_px, y * asset.height_px)
    if len(values) < 6:
        raise RecordBroken("A polygon has fewer than three points.")
    return tuple(values)
