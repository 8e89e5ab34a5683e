"""SQL room: filters as conditions, whatever the columns; what comes next in a sorted list.

Values are bound parameters, and texts are compared by code point on both databases.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    String,
    and_,
    bindparam,
    collate,
    false,
    func,
    not_,
    or_,
    true,
    tuple_,
)

from chassis.db import Dialect
from chassis.pages import Cursor
from review_queue.filter import And, Compare, Expression, Field, Not, Op, Or, Pattern, Present

Column = ColumnElement[Any]

_STANDS: dict[Op, Callable[[Column, Column], ColumnElement[bool]]] = {
    Op.EQ: lambda a, b: a == b,
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GE: lambda a, b: a >= b,
}


def joined(
    expression: Expression,
    compare: Callable[[Compare], ColumnElement[bool]],
    present: Callable[[Field], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """The filter as one condition, of the conditions that `compare` and `present` make of its parts."""
    match expression:
        case And():
            return and_(true(), *(joined(part, compare, present) for part in expression.parts))
        case Or():
            return or_(false(), *(joined(part, compare, present) for part in expression.parts))
        case Not():
            return not_(joined(expression.of, compare, present))
        case Present():
            return present(expression.field)
        case Compare():
            return compare(expression)


def stands(column: Column, c: Compare, dialect: Dialect) -> ColumnElement[bool]:
    """Whether the column's value, which must not be null, stands to the condition's as that says."""
    if not isinstance(c.value, Pattern):
        value = bindparam(None, c.value, Double() if isinstance(c.value, float) else BigInteger())
        return _STANDS[c.op](column, value)
    if c.op is Op.EQ:
        return matches(column, c.value, dialect)
    return _STANDS[c.op](by_code_point(column, dialect), _text(c.value.text))


def _text(value: str) -> Column:
    return bindparam(None, value, String())


def by_code_point(column: Column, dialect: Dialect) -> Column:
    """The text, compared and sorted by code point."""
    # SQLite does that anyway; PostgreSQL compares as the database's language does.
    return collate(column, "C") if dialect == "postgresql" else column


def matches(column: Column, pattern: Pattern, dialect: Dialect) -> ColumnElement[bool]:
    """Whether a text is that of the pattern, whose wildcards stand for any characters."""
    if pattern.plain:
        return column == _text(pattern.text)
    if dialect == "postgresql":
        return column.like(_text("%".join(_escaped(piece, "\\%_", "\\{}") for piece in pattern.pieces)))
    # SQLite's LIKE takes no notice of case.
    glob = "*".join(_escaped(piece, "*?[", "[{}]") for piece in pattern.pieces)
    return func.glob(_text(glob), column, type_=Boolean())


def _escaped(piece: str, special: str, escape: str) -> str:
    return "".join(escape.format(c) if c in special else c for c in piece)


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by, never null, and which way."""

    column: Column
    descending: bool = False

    def directed(self, column: Column | None = None) -> Column:
        """The column, or one that has its values, for an ORDER BY."""
        sorted_by = self.column if column is None else column
        return sorted_by.desc() if self.descending else sorted_by


def behind(keys: list[SortKey], last: Cursor) -> ColumnElement[bool]:
    """Whether a task comes after the one whose keys were these."""
    bound = _bound(keys, last)
    if len({key.descending for key in keys}) == 1:
        # One comparison of rows, which an index can begin at.
        ours, theirs = tuple_(*(key.column for key in keys)), tuple_(*bound)
        return ours < theirs if keys[0].descending else ours > theirs
    found: ColumnElement[bool] = false()
    for key, value in zip(reversed(keys), reversed(bound), strict=True):
        past = key.column < value if key.descending else key.column > value
        found = or_(past, and_(key.column == value, found))
    return found


def up_to(keys: list[SortKey], last: Cursor) -> ColumnElement[bool]:
    """Whether something comes before the one whose keys were these, or is it; all keys go one way."""
    ours, theirs = tuple_(*(key.column for key in keys)), tuple_(*_bound(keys, last))
    return ours >= theirs if keys[0].descending else ours <= theirs


def _bound(keys: list[SortKey], last: Cursor) -> list[Column]:
    return [bindparam(None, value, key.column.type) for key, value in zip(keys, last, strict=True)]
