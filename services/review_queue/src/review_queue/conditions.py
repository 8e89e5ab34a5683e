"""SQL room: filters and orders as conditions on tasks.

Whatever a user wrote becomes a bound parameter. Every condition is true or false, never null, so that NOT is what it
says; texts are compared by code point on both databases.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Double, Text, and_, case, cast, exists, func, or_, true
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Dialect, dialect_of
from review_queue import tables
from review_queue.comparing import Column, SortKey, by_code_point, joined, matches, stands
from review_queue.filter import Compare, Expression, Field, Key, Kind, Pattern
from review_queue.priority import HOUR_US, Weights
from review_queue.project import Project
from review_queue.review import Decision, TaskState

_t, _a, _c = tables.tasks.c, tables.assets.c, tables.label_categories.c
_LOWEST = -1.0
"""Below every confidence and novelty: where those without one are sorted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What conditions depend on beside the task: its project, the time (microseconds since the epoch), the database."""

    project: Project
    now_us: int
    dialect: Dialect


def moment(conn: AsyncConnection, project: Project, now_us: int) -> Moment:
    """The moment for queries over this connection."""
    return Moment(project, now_us, dialect_of(conn))


def condition(expression: Expression, moment: Moment) -> ColumnElement[bool]:
    """What the filter says, as a condition on `tasks` joined with `assets`."""
    return joined(expression, lambda c: _compare(c, moment), lambda field: _present(field, moment))


def _compare(c: Compare, moment: Moment) -> ColumnElement[bool]:
    field, value = c.field, c.value
    if field.name == "state" and isinstance(value, Pattern):
        return in_state(TaskState[value.text], moment.now_us)
    if field.name == "category" and isinstance(value, Pattern):
        return _claims(moment, matches(_c.category, value, moment.dialect))
    how = stands(_column(field, moment), c, moment.dialect)
    known = _known(field)
    return how if known is None else and_(known, how)


def _present(field: Field, moment: Moment) -> ColumnElement[bool]:
    if field.name == "category":
        return _claims(moment, true())
    if (known := _known(field)) is not None:
        return known
    if field.name in ("answers", "disagreement", "findings", "severity", "weight"):
        return _column(field, moment) > 0
    if field.kind in (Kind.TEXT, Kind.NAME) and field.name != "state":
        return _column(field, moment) != ""
    return true()


def _known(field: Field) -> ColumnElement[bool] | None:
    """Whether there is a value, where there may be none."""
    match field.name:
        case "confidence":
            return _t.confidence.is_not(None)
        case "novelty":
            return _t.novelty.is_not(None)
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


def shown_state(now_us: int) -> Column:
    """The task's state as people see it: LEASED while a lease on it is alive."""
    leased = and_(_t.state == TaskState.OPEN, _t.lease_expire_us > now_us)
    return case((leased, int(TaskState.LEASED)), else_=_t.state)


def _column(field: Field, moment: Moment) -> Column:
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


def pool() -> Column:
    """The pool that counts: of the last person who sent the task to one, of a rule, of a route; empty for anyone."""
    sent, ruled = func.nullif(_t.sent_pool, ""), func.nullif(_t.pool, "")
    return func.coalesce(sent, ruled, _t.routed_pool, type_=Text())


_COLUMNS: dict[str, Column] = {
    "audit": case((_t.audit > 0, "YES"), else_="NO"),
    "author": _t.author,
    "confidence": _t.confidence,
    "create_time": _t.create_time_us,
    "decision": _t.decision,
    "disagreement": _t.disagreement,
    "findings": _t.finding_count,
    "answers": _t.answers,
    "boost": _t.boost,
    "key": _a.key,
    "kind": _t.label_kind,
    "novelty": _t.novelty,
    "pool": pool(),
    "prediction_error": _t.prediction_error,
    "review_time": _t.review_time_us,
    "run": _t.run_uid,
    "sealed": case((_t.sealed > 0, "YES"), else_="NO"),
    "sent_to": _t.sent_to,
    "severity": _t.severity,
    "uid": _t.uid,
    "weight": _t.business,
}


def _age_hours(now_us: int) -> Column:
    waited = case((_t.create_time_us > now_us, 0), else_=now_us - _t.create_time_us)
    return cast(waited, Double()) / float(HOUR_US)


def _priority(weights: Weights, now_us: int) -> Column:
    """The formula in the order of `priority.priority`, so that the number is the one that people see."""
    urgency = weights.uncertainty * _t.uncertainty + weights.findings * _t.severity
    aged = urgency + weights.age_per_hour * _age_hours(now_us)
    known = aged + weights.disagreement * _t.disagreement + weights.business * _t.business
    return known + weights.novelty * func.coalesce(_t.novelty, 0.0) + _t.boost


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
        case "confidence" | "novelty":
            return SortKey(func.coalesce(_COLUMNS[field.name], _LOWEST), down)
    column = _column(field, moment)
    return SortKey(by_code_point(column, moment.dialect) if key.type is str else column, down)
