"""Values taken from foreign records: what they must be, or a sentence."""

from math import isfinite
from typing import Any

from formats.errors import RecordBroken


def number(value: Any, what: str) -> float:
    """A finite number; raises RecordBroken."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise RecordBroken(f"{what} is not a number.")
    return float(value)


def whole(value: Any, what: str) -> int:
    """A whole number; raises RecordBroken."""
    found = number(value, what)
    if found != int(found):
        raise RecordBroken(f"{what} is not a whole number.")
    return int(found)


def text(value: Any, what: str) -> str:
    """Text; raises RecordBroken."""
    if not isinstance(value, str):
        raise RecordBroken(f"{what} is not text.")
    return value


def entry(row: Any, name: str) -> Any:
    """The value of that name in an object; raises RecordBroken when the row is none or lacks it."""
    if not isinstance(row, dict):
        raise RecordBroken("The record is not an object.")
    if name not in row:
        raise RecordBroken(f'The record has no "{name}".')
    return row[name]


def rows(value: Any, what: str) -> list[Any]:
    """A list; raises RecordBroken."""
    if not isinstance(value, list):
        raise RecordBroken(f"{what} is not a list.")
    return value


def side(value: Any, what: str) -> int:
    """A picture's side in pixels, 1 to 100,000; raises RecordBroken."""
    found = whole(value, what)
    if not 1 <= found <= 100_000:
        raise RecordBroken(f"{what} is not 1 to 100,000 pixels.")
    return found


def category(value: Any) -> str:
    """A category's name without spaces around it; raises RecordBroken."""
    name = text(value, "The class").strip()
    if not 0 < len(name) <= 128 or not name.isprintable():
        raise RecordBroken("The class must have 1 to 128 characters on one line.")
    return name


def score(value: Any) -> float:
    """A probability, 0 where it is none."""
    found = isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0
    return float(value) if found else 0.0


def plain_number(value: float) -> float | int:
    """Whole numbers without a fraction, as other tools write them."""
    return int(value) if value == int(value) else value
