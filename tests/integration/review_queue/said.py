"""Filters with what they mean in plain Python."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Said:
    """A filter and what it means; `tight` binds closer than NOT, so that it needs no parentheses."""

    text: str
    holds: Callable[[Row], bool]
    tight: bool = True


def compared(field: str, op: str, value: Any) -> Callable[[Row], bool]:
    """What a comparison means; a value that is missing compares true with nothing."""

    def holds(row: Row) -> bool:
        missing = row[field] is None or (field == "review_time" and not row[field])
        return op == "!=" if missing else bool(OPS[op](row[field], value))

    return holds


def matches(pieces: list[str], value: str) -> bool:
    """Whether the pieces with anything between them are the value."""
    return re.fullmatch(".*".join(map(re.escape, pieces)), value, re.DOTALL) is not None
