"""spaCy's training data as JSON: a list of `[text, {"entities": ..., "spans": ..., "cats": ...}]`.

https://spacy.io/api/data-formats - what `Example.from_dict` takes, offsets in code points. Entities may not overlap:
those that do stand under `spans` with the key `sc`, which spaCy's span categoriser reads. `cats` says 1 or 0 for every
category. The binary .spacy files need spaCy's own vocabulary and hashes to be written or read, so they are not.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from formats import fields
from formats.codec import Declared, Place
from formats.draft import Array
from formats.errors import RecordBroken
from formats.fitting import place_of
from formats.item import Item, Problem, read_label
from formats.jsonstream import elements, first_sign, lines
from formats.names import CHOICES, Categories
from formats.options import Options
from formats.report import LossReport
from labels.asset import Asset, sha256_hex
from labels.label import Annotation, Choice, Span, annotation_id
from labels.ontology import Ontology, ToolKind

_KEY = "sc"
_IS = 0.5


class SpacyWriter:
    """A list of texts."""

    def __init__(self, place: Place, ontology: Ontology, options: Options, report: LossReport) -> None:
        self._spans = Categories(ontology, (ToolKind.SPAN,), options.tool)
        self._choices = Categories(ontology, CHOICES, options.tool)
        self._report = report
        self._array = Array(place.path)

    def add(self, item: Item) -> None:
        """Write a text."""
        asset = item.asset
        if asset.text is None:
            for annotation in item.annotations:
                self._report.drop("asset without its text", place_of(asset, annotation))
            return
        spans: list[tuple[int, int, str]] = []
        cats = dict.fromkeys(self._choices.names, 0.0)
        for annotation in item.annotations:
            self._put(item, annotation, spans, cats)
        row: dict[str, Any] = {"entities": spans}
        if _overlap(spans):
            row = {"entities": [], "spans": {_KEY: spans}}
            self._report.change("overlapping spans under the key sc", asset.key[:80])
        if cats:
            row["cats"] = cats
        self._array.add([asset.text, row])
        self._report.warn("spaCy has no place for keys; a text's key is made from its characters.")
        self._report.assets += 1
        self._report.labels += 1

    def _put(
        self, item: Item, annotation: Annotation, spans: list[tuple[int, int, str]], cats: dict[str, float]
    ) -> None:
        match annotation.value:
            case Span(start, end, _) if (name := self._spans.name(annotation)) is not None:
                spans.append((start, end, name))
            case Choice() if (name := self._choices.name(annotation)) is not None:
                cats[name] = 1.0
            case _:
                self._report.drop("shape, which spaCy does not hold", place_of(item.asset, annotation))
                return
        self._report.written += 1

    def close(self) -> None:
        """End the list."""
        self._array.close()


def _overlap(spans: list[tuple[int, int, str]]) -> bool:
    return any(one[1] > other[0] for one, other in pairwise(sorted(spans)))


def read(path: Path, options: Options, report: LossReport, declared: Declared) -> Iterator[Item | Problem]:
    """Texts in the order of the file: a list of pairs, or of objects with text, spans and cats, or one a line."""
    whole = first_sign(path) == "["
    numbered = elements(path, frozenset({""})) if whole else (("", *pair) for pair in lines(path))
    counts: dict[str, int] = {}
    for _, number, row in numbered:
        place = f"text {number}" if whole else f"line {number}"
        problems: list[str] = []
        try:
            if isinstance(row, RecordBroken):
                raise row
            text, said = _row(row)
            found = _annotations(text, said, problems)
        except RecordBroken as error:
            yield Problem(place, str(error))
            continue
        yield from (Problem(place, sentence) for sentence in problems)
        key = sha256_hex(text.encode())[:16]
        counts[key] = counts.get(key, 0) + 1
        key = key if counts[key] == 1 else f"{key}-{counts[key]}"
        yield Item(Asset(key, text=text), read_label(tuple(found)), place=place)


def _row(row: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(row, list) and len(row) == 2:
        text, said = row
    else:
        text, said = fields.entry(row, "text"), row
    if not isinstance(said, dict):
        raise RecordBroken("What is said about the text is not an object.")
    return fields.text(text, "The text"), said


def _annotations(text: str, said: dict[str, Any], problems: list[str]) -> list[Annotation]:
    listed = list(fields.rows(said.get("entities") or [], "The entities"))
    groups = said.get("spans") or []
    for group in groups.values() if isinstance(groups, dict) else [groups]:
        listed += fields.rows(group, "The spans")
    found: list[Annotation] = []
    for number, row in enumerate(listed, start=1):
        try:
            span, category = _span(row, text)
            found.append(Annotation(annotation_id(len(found)), "", category, span))
        except RecordBroken as error:
            problems.append(f"Span {number}: {error}")
    cats = said.get("cats") or {}
    for category, value in cats.items() if isinstance(cats, dict) else ():
        if isinstance(value, int | float) and value > _IS:
            found.append(Annotation(annotation_id(len(found)), "", fields.category(category), Choice()))
    return found


def _span(row: Any, text: str) -> tuple[Span, str]:
    if isinstance(row, dict):
        row = [fields.entry(row, name) for name in ("start", "end", "label")]
    values = fields.rows(row, "The span")
    if len(values) < 3:
        raise RecordBroken("It does not have a start, an end and a label.")
    start, end = (fields.whole(value, "An offset") for value in values[:2])
    if not 0 <= start < end <= len(text):
        raise RecordBroken("It does not lie in the text.")
    return Span(start, end, text[start:end]), fields.category(values[2])
