"""Lines of text files, each either a row or the sentence that says why it is none."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MAX_LINE_BYTES = 8 << 20
MAX_WEIGHT = 1_000.0
_NO_CONTEXT = frozenset({"text", "key", "weight"})
_BOM = b"\xef\xbb\xbf"


class BadLine(Exception):
    """The line is not a row."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a line holds: a text or the path of a picture, a key if it has one, a weight (0 to 1,000) if it has one."""

    key: str | None
    text: str | None = None
    image: str | None = None
    context: dict[str, str] = field(default_factory=dict)
    weight: float | None = None


Numbered = Iterator[tuple[int, Found | BadLine]]


def jsonl_rows(path: Path) -> Numbered:
    """JSON objects {"key"?, "weight"?, "text", "context"?} or {"key"?, "weight"?, "image"}.

    Other fields are ignored, blank lines too.
    """
    for line, raw in _lines(path):
        if isinstance(raw, BadLine):
            yield line, raw
        elif raw.strip():
            yield line, _json_row(raw)


def text_rows(path: Path) -> Numbered:
    """One text a line; blank lines are ignored."""
    for line, raw in _lines(path):
        if isinstance(raw, BadLine):
            yield line, raw
        elif raw.strip():
            yield line, Found(None, text=raw)


def csv_rows(path: Path) -> Numbered:
    """A header with a column `text` and maybe `key` and `weight`; other columns become context.

    The line is a record's last.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            columns = reader.fieldnames or []
            if "text" not in columns:
                found = ", ".join(str(column) for column in columns) or "none"
                yield 1, BadLine(f'The first line must name a column "text"; the columns are: {found[:200]}.')
                return
            for record in reader:
                yield reader.line_num, _csv_row(record)
        except csv.Error as error:
            yield reader.line_num, BadLine(f"The line is not CSV ({error}); nothing after it was read.")
        except UnicodeDecodeError:
            yield (
                reader.line_num + 1,
                BadLine("The file is not UTF-8 from about here; nothing after it was read."),
            )


def _csv_row(record: dict[str | Any, str | Any]) -> Found | BadLine:
    if None in record or None in record.values():
        return BadLine("The line has more or fewer fields than the first line names.")
    context = {name: value for name, value in record.items() if name not in _NO_CONTEXT and value}
    weight = _weight(record.get("weight") or None)
    if isinstance(weight, BadLine):
        return weight
    return Found(record.get("key"), text=record["text"], context=context, weight=weight)


def _weight(value: object) -> float | BadLine | None:
    """What a row says that its asset is worth."""
    if value is None:
        return None
    weight = weight_of(value)
    return BadLine('"weight" must be a number, 0 to 1,000.') if weight is None else weight


def weight_of(value: object) -> float | None:
    """The weight that a file means, 0 to 1,000; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        weight = float(value)
    except (ValueError, OverflowError):
        return None
    # Written so that NaN fails.
    return weight if 0.0 <= weight <= MAX_WEIGHT else None


def _json_row(raw: str) -> Found | BadLine:
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as error:
        return BadLine(f"The line is not JSON ({error.msg.lower()} at character {error.colno}).")
    except (RecursionError, ValueError):
        return BadLine("The line is JSON beyond what can be read (nested too deep, or a number too long).")
    if not isinstance(value, dict):
        return BadLine("The line is JSON but not an object with a text.")
    if ("text" in value) == ("image" in value):
        return BadLine('A row needs either "text" or "image".')
    return _object_row(value)


def _object_row(value: dict[str, Any]) -> Found | BadLine:
    content = value.get("text", value.get("image"))
    if not isinstance(content, str):
        return BadLine('"text" and "image" must be strings.')
    key = value.get("key")
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if key is not None and not isinstance(key, str):
        return BadLine('"key" must be a string.')
    context = value.get("context", {})
    if not isinstance(context, dict) or not all(isinstance(v, str) for v in context.values()):
        return BadLine('"context" must be an object of strings.')
    weight = _weight(value.get("weight"))
    if isinstance(weight, BadLine):
        return weight
    if "image" in value:
        return Found(key, image=content, weight=weight)
    return Found(key, text=content, context=context, weight=weight)


def _lines(path: Path) -> Iterator[tuple[int, str | BadLine]]:
    """Lines without their ending, numbered from 1; a line too long is skipped to its end and reported."""
    with path.open("rb") as file:
        line = 0
        while raw := file.readline(MAX_LINE_BYTES + 1):
            line += 1
            if len(raw) > MAX_LINE_BYTES:
                _skip_rest(file, raw)
                yield line, BadLine(f"The line is longer than {MAX_LINE_BYTES >> 20} MiB.")
                continue
            if line == 1:
                raw = raw.removeprefix(_BOM)
            try:
                yield line, raw.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                yield line, BadLine(f"The line is not UTF-8 (byte {error.start + 1}).")


def _skip_rest(file: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(MAX_LINE_BYTES)
