"""Changing a label by short lines of text; pure, so that the same lines work on a terminal and in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from labels.label import Annotation, Choice, Span
from labels.ontology import Ontology, Tool, ToolKind

HELP = """\
  3                 choose category 3 (again: take it back, where several may be chosen)
  3 Ada Lovelace    mark these characters as category 3; with :2 at the end the second place they occur
  3 10-22           mark characters 10 to 22 (the first is 0, the last is left out)
  r 1 3             give annotation 1 category 3
  d 1               delete annotation 1
  ok                submit · back: change nothing"""


class EditRefused(Exception):
    """The line makes no sense here; the message says why."""


@dataclass(frozen=True, slots=True)
class Named:
    """A category with its tool, as the numbered list shows it."""

    tool: Tool
    category: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A label being changed."""

    ontology: Ontology
    text: str | None
    annotations: tuple[Annotation, ...]

    @property
    def named(self) -> tuple[Named, ...]:
        """Every category, in the order of its number from 1."""
        return tuple(Named(tool, name) for tool in self.ontology.tools for name in tool.category_names)


def edit(draft: Draft, line: str) -> Draft:
    """The draft after one line; raises EditRefused."""
    words = line.split()
    match words:
        case ["d", place]:
            gone = _annotation(draft, place)
            return replace(draft, annotations=tuple(a for a in draft.annotations if a is not gone))
        case ["r", place, *category] if category:
            return _relabel(draft, _annotation(draft, place), _named(draft, " ".join(category)))
        case [_]:
            return _choose(draft, _named(draft, line.strip()))
        case [first, *_] if first.isdecimal():
            return _mark(draft, _named(draft, first), line.strip()[len(first) :].strip())
        case _:
            # Category names may have several words.
            return _choose(draft, _named(draft, line.strip()))


def missing_choice(draft: Draft) -> str:
    """Name of the first tool that needs exactly one choice and has none; empty when all have."""
    for tool in draft.ontology.tools:
        if tool.kind is ToolKind.CHOICE_SINGLE and not any(a.tool == tool.name for a in draft.annotations):
            return tool.name
    return ""


def _choose(draft: Draft, named: Named) -> Draft:
    tool = named.tool
    if tool.kind not in (ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI):
        raise EditRefused(f'"{named.category}" marks text: write its number and the characters.')
    same = [a for a in draft.annotations if (a.tool, a.category) == (tool.name, named.category)]
    if tool.kind is ToolKind.CHOICE_MULTI and same:
        return replace(draft, annotations=tuple(a for a in draft.annotations if a not in same))
    kept = [a for a in draft.annotations if tool.kind is ToolKind.CHOICE_MULTI or a.tool != tool.name]
    old = next((a for a in draft.annotations if a.tool == tool.name), None)
    if tool.kind is ToolKind.CHOICE_SINGLE and old is not None:
        # The same annotation with another category: the change is recorded as one relabel.
        return replace(draft, annotations=(*kept, replace(old, category=named.category)))
    return replace(
        draft, annotations=(*kept, Annotation(_fresh_id(draft), tool.name, named.category, Choice()))
    )


def _relabel(draft: Draft, old: Annotation, named: Named) -> Draft:
    if named.tool.name != old.tool:
        raise EditRefused(f'"{named.category}" belongs to the tool "{named.tool.name}", not to "{old.tool}".')
    changed = replace(old, category=named.category)
    return replace(draft, annotations=tuple(changed if a is old else a for a in draft.annotations))


def _mark(draft: Draft, named: Named, wanted: str) -> Draft:
    if named.tool.kind is not ToolKind.SPAN:
        raise EditRefused(f'"{named.category}" marks no text: write its number alone.')
    if draft.text is None:
        raise EditRefused("There is no text to mark.")
    start, end = _place(draft.text, wanted)
    made = Annotation(
        _fresh_id(draft), named.tool.name, named.category, Span(start, end, draft.text[start:end])
    )
    if any(
        (a.tool, a.category, a.value) == (made.tool, made.category, made.value) for a in draft.annotations
    ):
        raise EditRefused("That is marked already.")
    return replace(draft, annotations=(*draft.annotations, made))


def _place(text: str, wanted: str) -> tuple[int, int]:
    """Where the wanted characters are: as they stand, at the n-th place (`:n`), or by positions (`10-22`)."""
    places = _occurrences(text, wanted)
    if len(places) == 1:
        return places[0]
    if places:
        raise EditRefused(
            f'"{wanted}" occurs {len(places)} times: write {wanted}:1 to {wanted}:{len(places)}.'
        )
    exact, colon, which = wanted.rpartition(":")
    if colon and which.isdecimal():
        places = _occurrences(text, exact)
        if 0 < int(which) <= len(places):
            return places[int(which) - 1]
    start, dash, end = wanted.partition("-")
    if dash and start.isdecimal() and end.isdecimal() and 0 <= int(start) < int(end) <= len(text):
        return int(start), int(end)
    raise EditRefused(f'The text does not contain "{wanted}".')


def _occurrences(text: str, wanted: str) -> Sequence[tuple[int, int]]:
    places = []
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        places.append((start, start + len(wanted)))
        start = text.find(wanted, start + 1)
    return places


def _annotation(draft: Draft, place: str) -> Annotation:
    if place.isdecimal() and 0 < int(place) <= len(draft.annotations):
        return draft.annotations[int(place) - 1]
    raise EditRefused(f"There is no annotation {place}.")


def _named(draft: Draft, wanted: str) -> Named:
    named = draft.named
    if wanted.isdecimal() and 0 < int(wanted) <= len(named):
        return named[int(wanted) - 1]
    for candidate in named:
        if candidate.category.casefold() == wanted.casefold():
            return candidate
    raise EditRefused(f'There is no category "{wanted}".')


def _fresh_id(draft: Draft) -> str:
    taken = {annotation.id for annotation in draft.annotations}
    return next(name for i in count() if (name := f"n{i}") not in taken)
