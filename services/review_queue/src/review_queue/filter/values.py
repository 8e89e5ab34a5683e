"""Values as they stand in a filter, read as what their field holds."""

import re
from datetime import UTC, datetime, timedelta
from math import isfinite

from review_queue.errors import FilterInvalid
from review_queue.filter.expression import Pattern, Value
from review_queue.filter.fields import SEVERITIES, YES_NO, Field, Kind

MAX_WILDCARDS = 4
"""More would let one value keep a database busy for seconds."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?",
    re.ASCII,
)
_TRUTH = dict(zip(("true", "false"), YES_NO, strict=True))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PIECE = re.compile(r"\\(.)|([^\\])", re.DOTALL)


class ValueInvalid(FilterInvalid):
    """The value is not one of its field's.

    The message says why, without a period: whoever knows the place makes a sentence of it.
    """


def read(field: Field, written: str, *, exact: bool) -> Value:
    """The value as the filter says it, quotes included; `exact` allows no wildcards. Raises ValueInvalid."""
    pattern = _pattern(written)
    if field.kind in (Kind.TEXT, Kind.SET):
        if exact and not pattern.plain:
            raise ValueInvalid("a wildcard has no place in an order; write `\\*` in quotes for the character")
        if len(pattern.pieces) > MAX_WILDCARDS + 1:
            raise ValueInvalid(f"a value may have {MAX_WILDCARDS} wildcards")
        return pattern
    text = "*".join(pattern.pieces)
    match field.kind:
        case Kind.NUMBER:
            return _number(field, text)
        case Kind.TIME:
            return _time(field, text)
        case _:
            if field.names == YES_NO:
                text = _TRUTH.get(text, text)
            if text not in field.names:
                raise ValueInvalid(f"`{field.name}` is one of {', '.join(field.names)}")
            return SEVERITIES[text] if field.kind is Kind.LEVEL else Pattern((text,))


def _pattern(written: str) -> Pattern:
    if written[0] not in "\"'":
        return Pattern(tuple(written.split("*")))
    pieces = [""]
    for found in _PIECE.finditer(written, 1, len(written) - 1):
        escaped, plain = found.groups()
        if plain == "*":
            pieces.append("")
        else:
            pieces[-1] += plain if escaped is None else escaped
    return Pattern(tuple(pieces))


def _number(field: Field, text: str) -> float:
    if not _NUMBER.fullmatch(text) or not isfinite(float(text)):
        raise ValueInvalid(f"`{field.name}` is a number such as 0.5")
    return float(text)


def _time(field: Field, text: str) -> int:
    what = f"`{field.name}` is a time such as 2026-01-31T09:30:00Z, or a day such as 2026-01-31"
    if not _TIME.fullmatch(text):
        raise ValueInvalid(what)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueInvalid(what) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
