"""JSON with places: reads a model's JSON and keeps where each string and bracket stands (pure).

Tolerant in two things that models do and that lose nothing: a comma before a closing bracket, and raw line
breaks in strings. Everything else must be JSON; a key given twice is refused, because one of its values would
be lost.
"""

import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from llm_annotator.errors import AnnotatorError

MAX_DEPTH = 8
_SPACE = re.compile(r"[ \t\r\n]*")
_ATOM = re.compile(r"-?\d[\d.eE+-]*|true|false|null")


class NotJson(AnnotatorError):
    """The text is not JSON at that place."""


@dataclass(frozen=True, slots=True)
class String:
    """A string; `start` and `end` bound its source between the quotes, in code points."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Array:
    """An array.

    `start` is its opening bracket, `end` one past the closing one, `commas` those between items.
    """

    items: tuple["Node", ...]
    start: int
    end: int
    commas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object; `start` is its opening brace, `end` one past the closing one."""

    members: dict[str, "Node"]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Atom:
    """A number, true, false or null; no reply schema has one, so its value does not matter."""

    start: int
    end: int


Node = String | Array | Object | Atom


def read(text: str, start: int) -> Node:
    """The value that begins at `start`; raises NotJson."""
    return _value(text, start, 0)


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise NotJson("the JSON is nested too deeply.")
    char = text[at : at + 1]
    if char == '"':
        return _string(text, at)
    if char == "{":
        return _object(text, at, depth)
    if char == "[":
        return _array(text, at, depth)
    atom = _ATOM.match(text, at)
    if atom is None:
        raise NotJson("it is not complete JSON.")
    return Atom(at, atom.end())


def _string(text: str, at: int) -> String:
    try:
        value, end = scanstring(text, at + 1, False)
    except ValueError:
        raise NotJson("a string in the JSON does not end.") from None
    return String(value, at + 1, end - 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _array(text: str, start: int, depth: int) -> Array:
    items: list[Node] = []
    commas: list[int] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "]":
        item = _value(text, at, depth + 1)
        items.append(item)
        at = _skip(text, _after(item))
        if text[at : at + 1] == ",":
            commas.append(at)
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise NotJson("an array in the JSON does not end.")
    return Array(tuple(items), start, at + 1, tuple(commas[: max(0, len(items) - 1)]))


def _object(text: str, start: int, depth: int) -> Object:
    members: dict[str, Node] = {}
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise NotJson("an object in the JSON does not end.")
        key = _string(text, at)
        if key.value in members:
            raise NotJson("a key in the JSON occurs twice.")
        at = _skip(text, key.end + 1)
        if text[at : at + 1] != ":":
            raise NotJson("a key in the JSON has no value.")
        member = _value(text, _skip(text, at + 1), depth + 1)
        members[key.value] = member
        at = _skip(text, _after(member))
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "}":
            raise NotJson("an object in the JSON does not end.")
    return Object(members, start, at + 1)


def _after(node: Node) -> int:
    """One past the node's source; a string's closing quote stands after its end."""
    return node.end + 1 if isinstance(node, String) else node.end
