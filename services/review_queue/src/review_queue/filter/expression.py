"""A filter as a value: conditions on fields, joined."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from review_queue.filter.fields import Field


class Op(StrEnum):
    """How a field's value stands to the given one; `!=` is the negation of EQ."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text cut at its wildcards: between two pieces stand any characters, also none. One piece is the text."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text of a pattern without wildcards."""
        return self.pieces[0]

    @property
    def plain(self) -> bool:
        """Whether there are no wildcards."""
        return len(self.pieces) == 1


Value = float | int | Pattern
"""Of a NUMBER and a LEVEL (its weight) a float, of a TIME an int, of all others a Pattern."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The field's value stands so to the given one; a SET is EQ to each of its members.

    A value that is missing stands so to none.
    """

    field: Field
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class Present:
    """The field has a value: a number that is not missing or 0, a time, a text that is not empty, a member."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The other does not hold."""

    of: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold; none at all always does."""

    parts: tuple["Expression", ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """One of them holds."""

    parts: tuple["Expression", ...]


Expression = Compare | Present | Not | And | Or


def negated(expression: Expression) -> Expression:
    """The opposite; two negations are none."""
    return expression.of if isinstance(expression, Not) else Not(expression)


def leaves(expression: Expression) -> Iterator[tuple[Compare | Present, int]]:
    """Every condition in it with how deep it stands, from 1."""
    # A stack of its own: the text decides on the depth, and it is looked at before it is known to be small.
    todo = [(expression, 1)]
    while todo:
        node, depth = todo.pop()
        match node:
            case Not():
                todo.append((node.of, depth + 1))
            case And() | Or():
                todo.extend((part, depth + 1) for part in node.parts)
            case _:
                yield node, depth


def names(expression: Expression) -> set[str]:
    """The names of the fields in it."""
    return {leaf.field.name for leaf, _ in leaves(expression)}
