"""The language of filters: the grammar of AIP-160, and what is left out of it.

A word alone ("matches anywhere"), functions, and values in parentheses are refused: nothing here would have a meaning
for them. As in AIP-160, OR binds closer than AND, and two conditions side by side mean both.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken

from review_queue.errors import FilterInvalid
from review_queue.filter import values
from review_queue.filter.expression import And, Compare, Expression, Op, Or, Present, leaves, negated
from review_queue.filter.fields import FIELDS, Field, Kind
from review_queue.filter.values import ValueInvalid

MAX_CHARACTERS = 4_000
MAX_CONDITIONS = 100
MAX_DEPTH = 20
_SHOWN = 40

# In a value's place a word may hold nearly anything; elsewhere it is the name of a field.
_GRAMMAR = r"""
start: expression
?expression: sequence (_AND sequence)*
?sequence: factor+
?factor: term (_OR term)*
?term: simple
     | _NOT simple -> negation
     | "-" simple  -> negation
?simple: condition
       | "(" expression ")"
condition: NAME COMPARATOR (QUOTED | WORD)

_AND.2: /AND(?![\w.])/
_OR.2: /OR(?![\w.])/
_NOT.2: /NOT(?![\w.])/
NAME: /(?!(?i:and|or|not)(?![\w.]))[A-Za-z_][\w.]*/
COMPARATOR: /<=|>=|!=|[<>=:]/
QUOTED: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
WORD: /(?!(?:AND|OR|NOT)(?:[\s()]|$))[^\s()"'<>=!,:\\]+(?::[\d.]+)*(?:[+-]\d\d:\d\d|Z)?/
%ignore /\s+/
"""


def parse(text: str, fields: Mapping[str, Field] = FIELDS) -> Expression:
    """The filter that the text says of these fields; an empty one holds for everything. Raises FilterInvalid."""
    if len(text) > MAX_CHARACTERS:
        raise FilterInvalid(f"A filter may have {MAX_CHARACTERS:,} characters.")
    if "\x00" in text:
        raise _invalid(text.index("\x00"), "a NUL character cannot be looked for")
    if not text.strip():
        return And()
    try:
        parsed: Any = _parser(tuple(fields.values())).parse(text)
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise _invalid(at, _unreadable(text[at])) from None
    except UnexpectedToken as error:
        ends = error.token.type == "$END" or error.token.start_pos is None
        raise _invalid(len(text) if ends else error.token.start_pos, _unexpected(error)) from None
    return _bounded(parsed)


def _bounded(expression: Expression) -> Expression:
    depths = [depth for _, depth in leaves(expression)]
    if len(depths) > MAX_CONDITIONS:
        raise FilterInvalid(f"A filter may have {MAX_CONDITIONS} conditions.")
    if max(depths) > MAX_DEPTH:
        raise FilterInvalid(f"A filter may be {MAX_DEPTH} levels deep.")
    return expression


@cache
def _parser(fields: tuple[Field, ...]) -> Lark:
    # The transformer works while the text is read, so a deep text needs no deep stack.
    build = _Build({field.name: field for field in fields})
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=build)


class _Build(Transformer[Token, Expression]):
    """From rules of the grammar to expressions."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        super().__init__()
        self._fields = fields

    def start(self, parts: Sequence[Expression]) -> Expression:
        return parts[0]

    def expression(self, parts: Sequence[Expression]) -> Expression:
        return And(tuple(parts))

    sequence = expression

    def factor(self, parts: Sequence[Expression]) -> Expression:
        return Or(tuple(parts))

    def negation(self, parts: Sequence[Expression]) -> Expression:
        return negated(parts[0])

    def condition(self, tokens: Sequence[Token]) -> Expression:
        name, comparator, value = tokens
        return _condition(self._fields, name, comparator, value)


def _condition(fields: Mapping[str, Field], name: Token, comparator: Token, value: Token) -> Expression:
    field = fields.get(str(name))
    if field is None:
        raise _invalid(name.start_pos, f"there is no field {_cut(name)}; there are {', '.join(fields)}")
    if comparator == ":" and value == "*":
        return Present(field)
    if comparator == ":" and field.kind is not Kind.SET:
        raise _invalid(comparator.start_pos, f"`{field.name}` holds one value; write `=`, or `:*` for any")
    ordered = field.kind in (Kind.NUMBER, Kind.TIME, Kind.LEVEL, Kind.TEXT)
    if comparator not in ("=", "!=", ":") and not ordered:
        raise _invalid(comparator.start_pos, f"`{field.name}` has no order; write `=` or `!=`")
    try:
        read = values.read(field, str(value), exact=comparator not in ("=", "!=", ":"))
    except ValueInvalid as error:
        raise _invalid(value.start_pos, str(error)) from None
    op = Op.EQ if comparator in ("!=", ":") else Op(comparator)
    compared = Compare(field, op, read)
    return negated(compared) if comparator == "!=" else compared


def _unreadable(character: str) -> str:
    if character in "\"'":
        return "the quoted text has no end"
    return f"`{character}` has no meaning here; a text with such characters needs quotes"


def _unexpected(error: UnexpectedToken) -> str:
    if error.token in ("and", "or", "not"):
        return "AND, OR and NOT are written in capitals"
    found = "the filter ends" if error.token.type == "$END" else f"{_cut(error.token)} stands"
    expected = error.accepts or error.expected
    if "WORD" in expected:
        return f"{found} where a value is needed"
    if "COMPARATOR" in expected:
        return f"{found} where one of = != < <= > >= : is needed after a field's name"
    if "NAME" in expected and "RPAR" not in expected and "$END" not in expected:
        return f"{found} where a condition such as `confidence < 0.5` is needed"
    if error.token.type == "$END":
        return "the filter ends where a closing parenthesis is needed"
    if error.token.type == "RPAR":
        return "this parenthesis closes nothing"
    return f"{found} where AND, OR or another condition could"


def _cut(token: str) -> str:
    return f"`{token[:_SHOWN]}…`" if len(token) > _SHOWN else f"`{token}`"


def _invalid(index: int | None, why: str) -> FilterInvalid:
    return FilterInvalid(f"The filter is not valid at character {(index or 0) + 1}: {why}.")
