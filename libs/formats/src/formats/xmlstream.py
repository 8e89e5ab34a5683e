"""XML read record by record, with line numbers, without entities.

expat itself is used: ElementTree's reader knows no lines, and both expand entities, which a label file never needs
and a hostile one grows without end; a document type is refused instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from formats.errors import FileUnusable, RecordBroken

MAX_RECORD_BYTES = 64 << 20
MAX_DEPTH = 32
_CHUNK = 1 << 16


@dataclass(slots=True)
class Element:
    """An element with all that is in it; `line` is where it begins, from 1."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator["Element"]:
        """The children of these names."""
        return (child for child in self.children if child.tag in tags)

    def first(self, tag: str) -> "Element | None":
        """The first child of that name."""
        return next(self.all(tag), None)

    def value(self, tag: str) -> str:
        """The text of the first child of that name, stripped; "" where there is none."""
        child = self.first(tag)
        return child.text.strip() if child else ""


def elements(file: IO[bytes], wanted: frozenset[str]) -> Iterator[Element]:
    """The elements of these names, one by one; what stands in one comes with it.

    Raises RecordBroken where the XML breaks off or is none, after all elements before it, and FileUnusable for a
    document type.
    """
    reading = _Reading(wanted)
    while True:
        chunk = file.read(_CHUNK)
        failure = reading.feed(chunk)
        yield from reading.take()
        if failure is not None:
            raise failure
        if not chunk:
            return


class _Reading:
    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._stack: list[Element] = []
        self._depth = 0
        self._begun = 0
        self._done: list[Element] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes) -> Exception | None:
        """Read on; what stopped it."""
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            return RecordBroken(
                f"The XML breaks off or is malformed at line {error.lineno}; nothing after it was read."
            )
        except (FileUnusable, RecordBroken) as error:
            return error
        if self._stack and self._parser.CurrentByteIndex - self._begun > MAX_RECORD_BYTES:
            return RecordBroken(f"The record at line {self._stack[0].line} is longer than 64 MiB.")
        return None

    def take(self) -> list[Element]:
        """The elements that are whole by now."""
        done, self._done = self._done, []
        return done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RecordBroken(f"The XML is nested too deep at line {self._parser.CurrentLineNumber}.")
        if self._stack or tag in self._wanted:
            element = Element(tag, attributes, self._parser.CurrentLineNumber)
            if self._stack:
                self._stack[-1].children.append(element)
            else:
                self._begun = self._parser.CurrentByteIndex
            self._stack.append(element)

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._stack:
            element = self._stack.pop()
            if not self._stack:
                self._done.append(element)

    def _text(self, text: str) -> None:
        if self._stack:
            self._stack[-1].text += text

    def _doctype(self, *_: object) -> None:
        raise FileUnusable("The XML declares a document type or entities, which are not read.")
