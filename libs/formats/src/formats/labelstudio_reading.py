"""Label Studio's JSON read, task by task."""

from collections.abc import Iterator
from math import cos, radians, sin
from pathlib import Path
from typing import Any

from formats import fields, pictures, runs
from formats.errors import RecordBroken
from formats.item import Item, Problem, Status, read_label
from formats.jsonstream import items
from formats.options import Options
from formats.placing import place_span
from formats.report import LossReport
from labels.asset import Asset, sha256_hex
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, LabelKind, Polygon, Value

_TEXTS = ("text", "content", "body")
_PICTURES = ("image", "img", "picture", "photo")
_SHAPES = frozenset({"rectanglelabels", "polygonlabels", "brushlabels", "rectangle", "polygon", "brush"})


def read(path: Path, options: Options, report: LossReport) -> Iterator[Item | Problem]:
    """See labelstudio.read."""

    def read_one(task: Any, place: str) -> tuple[Item, list[Problem]]:
        reading = _Task(task, place, options, report)
        return reading.item(), reading.problems

    return items(path, "task", read_one)


class _Task:
    """One task."""

    def __init__(self, task: Any, place: str, options: Options, report: LossReport) -> None:
        self._task = task
        self._place = place
        self._options = options
        self._report = report
        self.problems: list[Problem] = []

    def item(self) -> Item:
        """The task's asset and label; raises RecordBroken."""
        answer, kind, skipped = self._answer()
        results = fields.rows(answer.get("result", []), "The result") if answer else []
        asset = self._asset(results)
        annotations: list[Annotation] = []
        groups: dict[tuple[str, str], int] = {}
        for number, result in enumerate(results, start=1):
            try:
                for annotation in self._annotations(result, asset, number):
                    _put(annotations, annotation, groups, result)
            except (RecordBroken, AnnotationInvalid) as error:
                self.problems.append(Problem(f"{self._place} result {number}", str(error)))
        author = str(answer.get("model_version") or "") if answer and kind is LabelKind.PREDICTION else ""
        predicted = answer is not None and kind is LabelKind.PREDICTION
        score = fields.score(answer.get("score")) if answer and predicted else 0.0
        label = read_label(tuple(annotations), author, kind, score) if answer else None
        status = Status.REJECTED if skipped else Status.UNREVIEWED if answer else Status.UNLABELLED
        return Item(asset, label, status, self._place)

    def _answer(self) -> tuple[dict[str, Any] | None, LabelKind, bool]:
        """The answer that counts, whose kind it is, and whether people have only skipped the task."""
        given = [self._listed(name) for name in ("annotations", "completions")]
        people = given[0] or given[1]
        models = self._listed("predictions")
        answers = [one for one in people if not one.get("was_cancelled")]
        if len(answers) > 1:
            self._report.warn("Some tasks have several answers; the last of each was read.")
        if answers:
            return answers[-1], LabelKind.DEFAULT, False
        if people:
            return None, LabelKind.DEFAULT, True
        return (models[-1] if models else None), LabelKind.PREDICTION, False

    def _listed(self, name: str) -> list[dict[str, Any]]:
        found = fields.rows(self._task.get(name) or [], f'"{name}"') if isinstance(self._task, dict) else []
        if any(not isinstance(one, dict) for one in found):
            self.problems.append(
                Problem(
                    self._place,
                    f'"{name}" holds numbers instead of answers: export the task with its answers.',
                )
            )
        return [one for one in found if isinstance(one, dict)]

    def _asset(self, results: list[Any]) -> Asset:
        data = fields.entry(self._task, "data")
        if not isinstance(data, dict):
            raise RecordBroken('"data" is not an object.')
        for name in _TEXTS:
            if isinstance(data.get(name), str):
                text = data[name]
                key = data.get("key") or self._task.get("id") or sha256_hex(text.encode())[:16]
                return Asset(str(key), text=text)
        name = next((data[n] for n in (*_PICTURES, *data) if isinstance(data.get(n), str)), "")
        if not name:
            raise RecordBroken("The task has neither a text nor a picture.")
        return self._picture(name, results)

    def _picture(self, name: str, results: list[Any]) -> Asset:
        for result in results:
            if isinstance(result, dict) and "original_width" in result:
                width = fields.side(result["original_width"], "The width")
                height = fields.side(result.get("original_height"), "The height")
                return Asset(name, width_px=width, height_px=height)
        picture = pictures.find(self._options.images, name) if self._options.images else None
        if picture is None:
            return Asset(name)
        width, height = pictures.size_of(picture)
        return Asset(name, width_px=width, height_px=height)

    def _annotations(self, result: Any, asset: Asset, number: int) -> Iterator[Annotation]:
        kind = fields.text(fields.entry(result, "type"), "The type")
        value = fields.entry(result, "value")
        if not isinstance(value, dict):
            raise RecordBroken('"value" is not an object.')
        tool = str(result.get("from_name", ""))
        name = str(result.get("id", f"r{number}"))[:64]
        sure = fields.score(result.get("score"))
        listed = value.get(kind)
        if listed is None:
            raise RecordBroken(f"A {kind[:40]} result names no class." if kind in _SHAPES else _unread(kind))
        made = self._value(kind, value, asset)
        for index, category in enumerate(fields.rows(listed, "The classes")):
            yield Annotation(
                name if not index else f"{name}-{index}"[-64:], tool, fields.category(category), made, sure
            )

    def _value(self, kind: str, value: dict[str, Any], asset: Asset) -> Value:
        match kind:
            case "choices":
                return Choice()
            case "labels":
                return self._span(value, asset)
            case "rectanglelabels":
                return _rectangle(value, asset)
            case "polygonlabels":
                points = fields.rows(fields.entry(value, "points"), "The points")
                return Polygon((tuple(_point(p, asset)[i] for p in points for i in (0, 1)),))
            case "brushlabels":
                if value.get("format") != "rle":
                    raise RecordBroken("The brush stroke is in no format that is known.")
                packed = fields.rows(fields.entry(value, "rle"), "The brush stroke")
                return runs.unpack(packed, asset.height_px, asset.width_px)
        raise RecordBroken(_unread(kind))

    def _span(self, value: dict[str, Any], asset: Asset) -> Value:
        start, end = (fields.whole(fields.entry(value, name), "The span") for name in ("start", "end"))
        quoted = value.get("text")
        span, moved = place_span(asset.text or "", start, end, quoted if isinstance(quoted, str) else None)
        if span is None:
            raise RecordBroken("The span's characters are not where it says they are.")
        self._report.spans_moved += moved
        return span


def _unread(kind: str) -> str:
    return f'A result of type "{kind[:40]}" has no place in an ontology.'


def _put(found: list[Annotation], new: Annotation, groups: dict[tuple[str, str], int], result: Any) -> None:
    """Add an annotation, or its ring to the object whose part it is."""
    meta = result.get("meta")
    group = meta.get("group") if isinstance(meta, dict) else None
    if not isinstance(group, str) or not isinstance(new.value, Polygon):
        found.append(new)
        return
    at = groups.setdefault((group, new.category), len(found))
    if at == len(found):
        found.append(Annotation(group[:64], new.tool, new.category, new.value, new.confidence))
        return
    first = found[at]
    assert isinstance(first.value, Polygon)  # noqa: S101 - only polygons are entered in groups
    rings = first.value.rings + new.value.rings
    found[at] = Annotation(first.id, first.tool, first.category, Polygon(rings), first.confidence)


def _point(point: Any, asset: Asset) -> tuple[float, float]:
    if not asset.width_px:
        raise RecordBroken("The picture's size is not known; name the folder of the pictures.")
    if not isinstance(point, list) or len(point) != 2:
        raise RecordBroken("A point does not have two numbers.")
    x, y = (fields.number(value, "A coordinate") for value in point)
    return x * asset.width_px / 100.0, y * asset.height_px / 100.0


def _rectangle(value: dict[str, Any], asset: Asset) -> Value:
    """A box; a turned one becomes the polygon of its corners, turned clockwise about its upper left."""
    sides = [fields.number(fields.entry(value, name), f'"{name}"') for name in ("x", "y", "width", "height")]
    (x, y), (width, height) = _point(sides[:2], asset), _point(sides[2:], asset)
    turn = radians(fields.number(value.get("rotation", 0), "The rotation"))
    if not turn:
        return Box(x, y, width, height)
    right, down = (cos(turn), sin(turn)), (-sin(turn), cos(turn))
    ring: list[float] = []
    for a, b in ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height)):
        ring += (x + a * right[0] + b * down[0], y + a * right[1] + b * down[1])
    return Polygon((tuple(ring),))
