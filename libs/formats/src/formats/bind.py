"""What a file says, held against an ontology: which tool an annotation belongs to, and an ontology made from a file."""

import re
from collections.abc import Iterable
from dataclasses import replace

from formats import rings
from formats.codec import Declared
from formats.errors import FileUnusable
from formats.fitting import Fit, place_of
from formats.item import Item, Problem, is_picture
from formats.report import LossReport
from labels.checks import check_value
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Choice, Mask, Polygon, Span, Value, annotation_id
from labels.ontology import Category, Ontology, Tool, ToolKind, check_ontology

_KINDS: dict[type, tuple[ToolKind, ...]] = {
    Choice: (ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI),
    Span: (ToolKind.SPAN,),
    Box: (ToolKind.BOX, ToolKind.POLYGON, ToolKind.MASK),
    Polygon: (ToolKind.POLYGON, ToolKind.MASK, ToolKind.BOX),
    Mask: (ToolKind.MASK, ToolKind.POLYGON, ToolKind.BOX),
}
"""The tools that can hold a value: its own kind first, then those it can be brought into."""
_FORM: dict[ToolKind, type] = {ToolKind.BOX: Box, ToolKind.POLYGON: Polygon, ToolKind.MASK: Mask}
_DEFAULT_NAME: dict[type, str] = {
    Choice: "choice",
    Span: "spans",
    Box: "boxes",
    Polygon: "polygons",
    Mask: "masks",
}
_KIND_OF: dict[type, ToolKind] = {
    Span: ToolKind.SPAN,
    Box: ToolKind.BOX,
    Polygon: ToolKind.POLYGON,
    Mask: ToolKind.MASK,
}


class Binder:
    """Gives annotations their tools; what the ontology or the asset cannot hold is dropped with its reason."""

    def __init__(self, ontology: Ontology, report: LossReport) -> None:
        self._ontology = ontology
        self._report = report
        self._fit = Fit(report)

    def bind(self, item: Item) -> Item:
        """The item as the ontology has it."""
        if item.label is None:
            return item
        kept: list[Annotation] = []
        chosen: set[tuple[str, str]] = set()
        ids: set[str] = set()
        for annotation in item.label.annotations:
            before = self._report.dropped_count
            bound = self._bound(item, annotation, chosen)
            if bound is None:
                self._report.written -= 1
                if self._report.dropped_count == before:
                    self._report.drop("shape that cannot be converted", place_of(item.asset, annotation))
                continue
            kept.append(_named(bound, len(kept), ids))
        return replace(item, label=replace(item.label, annotations=tuple(kept)))

    def _bound(self, item: Item, annotation: Annotation, chosen: set[tuple[str, str]]) -> Annotation | None:
        place = place_of(item.asset, annotation)
        if problem := _problem(item, annotation.value):
            self._report.drop(problem, place)
            return None
        found = self._tool(annotation)
        if found is None:
            self._report.drop("class that the ontology does not have", f"{place} {annotation.category[:60]}")
            return None
        tool, category = found
        bound = replace(annotation, tool=tool.name, category=category)
        if isinstance(annotation.value, Choice):
            key = (tool.name, category if tool.kind is ToolKind.CHOICE_MULTI else "")
            if key in chosen:
                self._report.drop("choice that was already made", place)
                return None
            chosen.add(key)
        return self._formed(item, bound, tool)

    def _tool(self, annotation: Annotation) -> tuple[Tool, str] | None:
        """The tool for an annotation, and the category as that tool writes it."""
        kinds = _KINDS[type(annotation.value)]
        hints = {annotation.tool}
        names = [annotation.category]
        if "/" in annotation.category:
            head, _, tail = annotation.category.partition("/")
            hints.add(head)
            names.append(tail)
        fitting = [tool for kind in kinds for tool in self._ontology.tools if tool.kind is kind]
        fitting.sort(key=lambda tool: tool.name not in hints)
        for tool in fitting:
            for name in names:
                for category in tool.category_names:
                    # CoNLL has no room for spaces.
                    if name in (category, re.sub(r"\s+", "_", category)):
                        return tool, category
        return None

    def _formed(self, item: Item, annotation: Annotation, tool: Tool) -> Annotation | None:
        form = _FORM.get(tool.kind)
        value = annotation.value
        if form is None or isinstance(value, form):
            return annotation
        made: Value | None
        if form is Box:
            exact = rings.box_of(value) if isinstance(value, Polygon) else None
            made = exact or self._fit.box(item.asset, annotation)
        elif form is Polygon:
            made = self._fit.polygon(item.asset, annotation)
        else:
            made = self._fit.mask(item.asset, annotation)
        return None if made is None else replace(annotation, value=made)


def _problem(item: Item, value: Value) -> str:
    """Why the asset cannot have the value; "" when it can."""
    asset = item.asset
    try:
        check_value(value)
    except AnnotationInvalid as error:
        return str(error).removeprefix("has ").removeprefix("a ")
    if isinstance(value, Choice):
        return ""
    if is_picture(asset) == isinstance(value, Span):
        return "value that does not fit the asset"
    if isinstance(value, Mask) and (value.height_px, value.width_px) != (asset.height_px, asset.width_px):
        return "mask that is not of the picture's size"
    if (
        isinstance(value, Span)
        and asset.text is not None
        and asset.text[value.start : value.end] != value.text
    ):
        return "span with other characters than the text has there"
    return ""


def _named(annotation: Annotation, index: int, ids: set[str]) -> Annotation:
    """The annotation with an id of its own."""
    name = annotation.id
    if not 0 < len(name) <= 64 or not name.isprintable() or name in ids:
        name = annotation_id(index)
        while name in ids:
            index += 1
            name = annotation_id(index)
    ids.add(name)
    return annotation if name == annotation.id else replace(annotation, id=name)


def guess_ontology(found: Iterable[Item | Problem], declared: Declared) -> Ontology:
    """The ontology that a file's annotations need, categories in the order it declares them, else as they come.

    `declared` may fill while `found` is read. Raises FileUnusable when there is no annotation to guess from, and
    OntologyError when a name cannot be a tool's or a category's.
    """
    guess = _Guess()
    for item in found:
        if isinstance(item, Item):
            guess.see(item)
    return guess.ontology(declared)


class _Guess:
    def __init__(self) -> None:
        self._kinds: dict[str, ToolKind] = {}
        self._categories: dict[str, dict[str, None]] = {}

    def see(self, item: Item) -> None:
        """Take in what one label needs."""
        choices: set[str] = set()
        for annotation in item.annotations:
            name, kind = self._tool(annotation)
            if kind is ToolKind.CHOICE_SINGLE and name in choices:
                self._kinds[name] = ToolKind.CHOICE_MULTI
            choices.add(name)
            self._categories[name].setdefault(annotation.category)

    def _tool(self, annotation: Annotation) -> tuple[str, ToolKind]:
        value = type(annotation.value)
        kind = _KIND_OF.get(value, ToolKind.CHOICE_SINGLE)
        name = _tool_name(annotation.tool) or _DEFAULT_NAME[value]
        known = self._kinds.get(name)
        if known is not None and known not in _KINDS[value][: 2 if value is Choice else 1]:
            name = f"{name}-{_DEFAULT_NAME[value]}"[-64:]
        if name not in self._kinds:
            self._kinds[name], self._categories[name] = kind, {}
        return name, kind

    def ontology(self, declared: Declared) -> Ontology:
        """All that was seen as an ontology."""
        if not self._kinds:
            raise FileUnusable("The file holds no annotation to guess an ontology from.")
        tools = tuple(Tool(name, kind, self._ordered(name, declared)) for name, kind in self._kinds.items())
        ontology = Ontology(tools)
        check_ontology(ontology)
        return ontology

    def _ordered(self, name: str, declared: Declared) -> tuple[Category, ...]:
        alone = len(self._kinds) == 1
        seen = self._categories[name]
        listed = {c: None for tool, c in declared if c in seen or alone or _tool_name(tool) == name}
        return tuple(Category(category) for category in {**listed, **seen})


def _tool_name(hint: str) -> str:
    """The hint as a tool may be called; "" when nothing is left of it."""
    return re.sub(r"[^a-z0-9_-]+", "-", hint.lower()).strip("-_0123456789")[:64]
