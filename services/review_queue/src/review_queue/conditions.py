"""SQL room: filters and orders as conditions on tasks.

Whatever a user wrote becomes a bound parameter. Every condition is true or false, never null, so that NOT is what it
says; texts are compared by code point on both databases.
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
    Text,
    and_,
    bindparam,
    case,
    cast,
    collate,
    exists,
    false,
    func,
    not_,
    or_,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Dialect
from chassis.pages import Cursor
from review_queue import tables
from review_queue.filter import And, Compare, Expression, Field, Key, Kind, Not, Op, Or, Pattern, Present
from review_queue.priority import HOUR_US, Weights
from review_queue.project import Project
from review_queue.review import Decision, TaskState

_t, _a, _c = tables.tasks.c, tables.assets.c, tables.label_categories.c
_Column = ColumnElement[Any]
_LOWEST = -1.0
"""Below every confidence: where those without one are sorted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What conditions depend on beside the task: its project, the time (microseconds since the epoch), the database."""

    project: Project
    now_us: int
    dialect: Dialect


def moment(conn: AsyncConnection, project: Project, now_us: int) -> Moment:
    """The moment for queries over this connection."""
    return Moment(project, now_us, "postgresql" if conn.dialect.name == "postgresql" else "sqlite")


def condition(expression: Expression, moment: Moment) -> ColumnElement[bool]:
    """What the filter says, as a condition on `tasks` joined with `assets`."""
    match expression:
        case And():
            return and_(true(), *(condition(part, moment) for part in expression.parts))
        case Or():
            return or_(false(), *(condition(part, moment) for part in expression.parts))
        case Not():
            return not_(condition(expression.of, moment))
        case Present():
            return _present(expression.field, moment)
        case Compare():
            return _compare(expression, moment)


def _compare(c: Compare, moment: Moment) -> ColumnElement[bool]:
    field, value = c.field, c.value
    if field.name == "state" and isinstance(value, Pattern):
        return in_state(TaskState[value.text], moment.now_us)
    if field.name == "category" and isinstance(value, Pattern):
        return _claims(moment, _matches(_c.category, value, moment.dialect))
    column = _column(field, moment)
    if isinstance(value, Pattern):
        if c.op is Op.EQ:
            return _matches(column, value, moment.dialect)
        return _stands(_by_code_point(column, moment.dialect), c.op, _text(value.text))
    stands = _stands(
        column, c.op, bindparam(None, value, Double() if isinstance(value, float) else BigInteger())
    )
    known = _known(field)
    return stands if known is None else and_(known, stands)


def _present(field: Field, moment: Moment) -> ColumnElement[bool]:
    if field.name == "category":
        return _claims(moment, true())
    if (known := _known(field)) is not None:
        return known
    if field.name in ("answers", "findings", "severity"):
        return _column(field, moment) > 0
    if field.kind in (Kind.TEXT, Kind.NAME) and field.name != "state":
        return _column(field, moment) != ""
    return true()


def _known(field: Field) -> ColumnElement[bool] | None:
    """Whether there is a value, where there may be none."""
    match field.name:
        case "confidence":
            return _t.confidence.is_not(None)
        case "review_time":
            return _t.review_time_us > 0
        case _:
            return None


def _claims(moment: Moment, which: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = and_(_c.project_uid == moment.project.uid, _c.label_uid == _t.label_uid)
    return exists().where(mine, which).correlate(tables.tasks)


def in_state(state: TaskState, now_us: int) -> ColumnElement[bool]:
    """Whether the task is in that state, as people see it."""
    match state:
        case TaskState.OPEN:
            return and_(_t.state == TaskState.OPEN, _t.lease_expire_us <= now_us)
        case TaskState.LEASED:
            return and_(_t.state == TaskState.OPEN, _t.lease_expire_us > now_us)
        case _:
            return _t.state == state


def shown_state(now_us: int) -> _Column:
    """The task's state as people see it: LEASED while a lease on it is alive."""
    leased = and_(_t.state == TaskState.OPEN, _t.lease_expire_us > now_us)
    return case((leased, int(TaskState.LEASED)), else_=_t.state)


def _column(field: Field, moment: Moment) -> _Column:
    match field.name:
        case "priority":
            return _priority(moment.project.definition.weights, moment.now_us)
        case "age_hours":
            return _age_hours(moment.now_us)
        case "reviewer":
            answered = and_(_t.state == TaskState.DONE, _t.decision != Decision.AUTO_ACCEPT.value)
            engaged = or_(answered, in_state(TaskState.LEASED, moment.now_us))
            return case((engaged, _t.reviewer), else_="")
        case "state":
            return shown_state(moment.now_us)
        case name:
            return _COLUMNS[name]


def pool() -> _Column:
    """The pool that counts: of the last person who sent the task to one, of a rule, of a route; empty for anyone."""
    sent, ruled = func.nullif(_t.sent_pool, ""), func.nullif(_t.pool, "")
    return func.coalesce(sent, ruled, _t.routed_pool, type_=Text())


_COLUMNS: dict[str, _Column] = {
    "audit": case((_t.audit > 0, "YES"), else_="NO"),
    "author": _t.author,
    "confidence": _t.confidence,
    "create_time": _t.create_time_us,
    "decision": _t.decision,
    "findings": _t.finding_count,
    "answers": _t.answers,
    "boost": _t.boost,
    "key": _a.key,
    "kind": _t.label_kind,
    "pool": pool(),
    "prediction_error": _t.prediction_error,
    "review_time": _t.review_time_us,
    "run": _t.run_uid,
    "sealed": case((_t.sealed > 0, "YES"), else_="NO"),
    "sent_to": _t.sent_to,
    "severity": _t.severity,
    "uid": _t.uid,
}


def _age_hours(now_us: int) -> _Column:
    waited = case((_t.create_time_us > now_us, 0), else_=now_us - _t.create_time_us)
    return cast(waited, Double()) / float(HOUR_US)


def _priority(weights: Weights, now_us: int) -> _Column:
    """The formula in the order of `priority.priority`, so that the number is the one that people see."""
    urgency = weights.uncertainty * _t.uncertainty + weights.findings * _t.severity
    aged = urgency + weights.age_per_hour * _age_hours(now_us)
    return aged + weights.disagreement * _t.disagreement + weights.business * _t.business + _t.boost


_STANDS: dict[Op, Callable[[_Column, _Column], ColumnElement[bool]]] = {
    Op.EQ: lambda a, b: a == b,
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GE: lambda a, b: a >= b,
}


def _stands(column: _Column, op: Op, value: _Column) -> ColumnElement[bool]:
    return _STANDS[op](column, value)


def _text(value: str) -> _Column:
    return bindparam(None, value, String())


def _by_code_point(column: _Column, dialect: Dialect) -> _Column:
    # SQLite does that anyway; PostgreSQL compares as the database's language does.
    return collate(column, "C") if dialect == "postgresql" else column


def _matches(column: _Column, pattern: Pattern, dialect: Dialect) -> ColumnElement[bool]:
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

    column: _Column
    descending: bool = False


def sort_keys(order: tuple[Key, ...], moment: Moment) -> list[SortKey]:
    """The keys of an order (of none: that of the queue), and the uid to tell equals apart."""
    keys = [_sort_key(key, moment) for key in order] or [SortKey(_t.rank)]
    return [*keys, SortKey(_t.uid, keys[-1].descending)]


def _sort_key(key: Key, moment: Moment) -> SortKey:
    field, down = key.field, key.descending
    match field.name:
        case "priority":
            # Not the formula, which grows from page to page, but what is left of it as all ages grow alike.
            return SortKey(_t.rank, not down)
        case "age_hours":
            return SortKey(_t.create_time_us, not down)
        case "confidence":
            return SortKey(func.coalesce(_t.confidence, _LOWEST), down)
    column = _column(field, moment)
    return SortKey(_by_code_point(column, moment.dialect) if key.type is str else column, down)


def behind(keys: list[SortKey], last: Cursor) -> ColumnElement[bool]:
    """Whether a task comes after the one whose keys were these."""
    bound = [bindparam(None, value, key.column.type) for key, value in zip(keys, last, strict=True)]
    if len({key.descending for key in keys}) == 1:
        # One comparison of rows, which an index can begin at.
        ours, theirs = tuple_(*(key.column for key in keys)), tuple_(*bound)
        return ours < theirs if keys[0].descending else ours > theirs
    found: ColumnElement[bool] = false()
    for key, value in zip(reversed(keys), reversed(bound), strict=True):
        past = key.column < value if key.descending else key.column > value
        found = or_(past, and_(key.column == value, found))
    return found
