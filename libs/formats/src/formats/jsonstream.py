"""JSON read record by record: arrays of any length in the memory of one record."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import ijson

from formats.errors import FileUnusable, RecordBroken
from formats.item import Item, Problem
from formats.pictures import PictureBroken

MAX_RECORD_BYTES = 64 << 20
_CHUNK = 1 << 16


class _Counted:
    """A file that counts what was read since the last record."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.since = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.since += len(data)
        if self.since > MAX_RECORD_BYTES + 2 * _CHUNK:
            raise RecordBroken(
                f"A record is longer than {MAX_RECORD_BYTES >> 20} MiB; nothing after it was read."
            )
        return data


def elements(path: Path, arrays: frozenset[str]) -> Iterator[tuple[str, int, Any]]:
    """(array, number from 1, element) of the named arrays of an object, or of the array "" that the file is.

    Raises RecordBroken where the JSON breaks off or is none, after all elements before it, and FileUnusable.
    """
    prefixes = {f"{name}.item" if name else "item": name for name in arrays}
    counts = dict.fromkeys(arrays, 0)
    with opened(path) as file:
        counted = _Counted(file)
        try:
            for prefix, value in _values(ijson.parse(counted, buf_size=_CHUNK, use_float=True), prefixes):
                name = prefixes[prefix]
                counts[name] += 1
                counted.since = 0
                yield name, counts[name], value
        except (ijson.JSONError, UnicodeDecodeError, ValueError, OverflowError) as error:
            last = (
                ", ".join(f"{n:,} of {name or 'the list'}" for name, n in sorted(counts.items()) if n)
                or "anything"
            )
            # The library's own message quotes the file, which is the customer's.
            broken = "breaks off" if isinstance(error, ijson.IncompleteJSONError) else "is malformed"
            raise RecordBroken(f"The JSON {broken} after {last}; nothing after it was read.") from None


def items(
    path: Path, noun: str, read_one: Callable[[Any, str], tuple[Item, Sequence[Problem]]]
) -> Iterator[Item | Problem]:
    """The items of a file that is one array: what is wrong within a record stands before it, `task 3` is its place.

    `read_one` is given a record and its place, and may raise RecordBroken or PictureBroken for the whole of it.
    """
    for _, number, record in elements(path, frozenset({""})):
        place = f"{noun} {number}"
        try:
            item, problems = read_one(record, place)
        except (RecordBroken, PictureBroken) as error:
            yield Problem(place, str(error))
        else:
            yield from problems
            yield item


def _values(events: Iterator[tuple[str, str, Any]], prefixes: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """The values at the prefixes, in the order of the file."""
    for prefix, event, value in events:
        if prefix not in prefixes:
            continue
        if event not in ("start_map", "start_array"):
            yield prefix, value
            continue
        builder = ijson.ObjectBuilder()
        builder.event(event, value)
        depth = 1
        while depth:
            _, event, value = next(events)
            builder.event(event, value)
            depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
        yield prefix, builder.value


def lines(path: Path) -> Iterator[tuple[int, Any | RecordBroken]]:
    """(line from 1, value) of a file with a JSON value a line; blank lines are left out. Raises FileUnusable."""
    with opened(path) as file:
        line = 0
        while raw := file.readline(MAX_RECORD_BYTES + 1):
            line += 1
            if len(raw) > MAX_RECORD_BYTES:
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(MAX_RECORD_BYTES)
                yield line, RecordBroken(f"The line is longer than {MAX_RECORD_BYTES >> 20} MiB.")
                continue
            if line == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.strip():
                yield line, _value(raw)


def _value(raw: bytes) -> Any | RecordBroken:
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        return RecordBroken(f"The line is not JSON ({error.msg.lower()} at character {error.colno}).")
    except UnicodeDecodeError as error:
        return RecordBroken(f"The line is not UTF-8 (byte {error.start + 1}).")
    except (RecursionError, ValueError):
        return RecordBroken(
            "The line is JSON beyond what can be read (nested too deep, or a number too long)."
        )


def opened(path: Path) -> IO[bytes]:
    """The file; raises FileUnusable with the reason."""
    try:
        return path.open("rb")
    except OSError as error:
        raise FileUnusable(f"{path} cannot be read: {error.strerror}.") from error


def first_sign(path: Path) -> str:
    """The first character that is no white space among the first 64 KiB; "" in an empty file."""
    with opened(path) as file:
        return file.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").strip()[:1].decode("latin-1")
