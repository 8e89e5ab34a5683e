"""Filters and orders of lists: what a user writes, as values that any store can answer.

`parse` reads a filter (the grammar of AIP-160), `parse_order` an order (AIP-132); `fields` says what both may name
of a task; a list of other things brings fields of its own.
"""

from review_queue.filter.expression import And, Compare, Expression, Not, Op, Or, Pattern, Present, names
from review_queue.filter.fields import FIELDS, YES_NO, Field, Kind
from review_queue.filter.grammar import parse
from review_queue.filter.order import Key, parse_order
from review_queue.filter.states import stored_states

__all__ = [
    "FIELDS",
    "YES_NO",
    "And",
    "Compare",
    "Expression",
    "Field",
    "Key",
    "Kind",
    "Not",
    "Op",
    "Or",
    "Pattern",
    "Present",
    "names",
    "parse",
    "parse_order",
    "stored_states",
]
