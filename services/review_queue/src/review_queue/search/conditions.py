"""SQL room: filters and orders of a label search as conditions on `labels` joined with their tasks.

Whatever a user wrote becomes a bound parameter. Every condition is true or false, never null, so that NOT is what it
says.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, or_, true

from chassis.db import Dialect
from review_queue import tables
from review_queue.comparing import Column, SortKey, by_code_point, joined, matches, stands
from review_queue.filter import Compare, Expression, Field, Key, Kind, Pattern
from review_queue.review import Decision, TaskState
from review_queue.search.tables import CHANGED, finding_rules

_l, _t, _a, _f = tables.labels.c, tables.tasks.c, tables.assets.c, tables.findings.c
_LOWEST = -1.0
"""Below every share: where labels without one are sorted."""
_SHARES = ("agreement", "confidence", "overlap")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search looks: a project, in a database that speaks this dialect."""

    project_uid: str
    dialect: Dialect


def source(names: set[str]) -> FromClause:
    """Where the columns of these fields stand: current labels with their tasks, and no more than is needed."""
    found: FromClause = tables.labels.join(tables.tasks, and_(_t.uid == _l.asset_uid, _t.label_uid == _l.uid))
    if "key" in names:
        found = found.join(tables.assets, _a.uid == _l.asset_uid)
    if names & {"findings", "severity"}:
        found = found.outerjoin(tables.findings, _f.label_uid == _l.uid)
    return found


def shown(now_us: int) -> ColumnElement[bool]:
    """Whether the label may be seen: a prediction that a living lease holds back may not."""
    return or_(_t.hidden_label_uid == "", _t.lease_expire_us <= now_us)


def condition(expression: Expression, place: Place) -> ColumnElement[bool]:
    """What the filter says, as a condition on its `source`."""
    return joined(expression, lambda c: _compare(c, place), lambda field: _present(field, place))


def _compare(c: Compare, place: Place) -> ColumnElement[bool]:
    if c.field.kind is Kind.SET and isinstance(c.value, Pattern):
        return _among(c.field, place, matches(_member(c.field), c.value, place.dialect))
    how = stands(_column(c.field), c, place.dialect)
    known = _known(c.field)
    return how if known is None else and_(known, how)


def _present(field: Field, place: Place) -> ColumnElement[bool]:
    if field.kind is Kind.SET:
        return _among(field, place, true())
    if (known := _known(field)) is not None:
        return known
    if field.kind in (Kind.TEXT, Kind.NAME):
        return _column(field) != ""
    return _column(field) > 0


def _known(field: Field) -> ColumnElement[bool] | None:
    """Whether there is a value, where there may be none."""
    match field.name:
        case "agreement" | "confidence" | "overlap":
            return _column(field).is_not(None)
        case "review_time":
            return _t.review_time_us > 0
        case _:
            return None


def _member(field: Field) -> Column:
    return tables.label_categories.c.category if field.name == "category" else finding_rules.c.rule


def _among(field: Field, place: Place, which: ColumnElement[bool]) -> ColumnElement[bool]:
    of = tables.label_categories.c if field.name == "category" else finding_rules.c
    mine = and_(of.project_uid == place.project_uid, of.label_uid == _l.uid)
    return exists().where(mine, which).correlate(tables.labels)


def _column(field: Field) -> Column:
    return _COLUMNS[field.name]


_BY_PERSON = and_(_t.state == int(TaskState.DONE), _t.decision != Decision.AUTO_ACCEPT.value)
_COLUMNS: dict[str, Column] = {
    "agreement": _l.agreement,
    "asset": _l.asset_uid,
    "author": _l.author,
    "changed": case((_l.agreement.is_(None), ""), (CHANGED, "YES"), else_="NO"),
    "confidence": _l.confidence,
    "create_time": _l.create_time_us,
    "decision": _t.decision,
    "findings": func.coalesce(_f.n, 0),
    "key": _a.key,
    "kind": _l.kind,
    "model": _l.model,
    "overlap": _l.overlap,
    "prompt_revision": _l.prompt_revision,
    "review_time": _t.review_time_us,
    "reviewer": case((_BY_PERSON, _t.reviewer), else_=""),
    "revision": _l.revision,
    "run": _t.run_uid,
    "severity": func.coalesce(_f.severity, 0.0),
    "source": _l.source,
    "uid": _l.uid,
}


def facts() -> list[Any]:
    """The columns that say who answered and how, beside those of the label's own row."""
    return [_t.decision, _COLUMNS["reviewer"].label("reviewer"), _t.review_time_us]


def sort_keys(order: tuple[Key, ...], place: Place) -> list[SortKey]:
    """The keys of an order (of none: the newest label first), and the uid to tell equals apart."""
    keys = [_sort_key(key, place) for key in order] or [SortKey(_l.create_time_us, descending=True)]
    return [*keys, SortKey(_l.uid, keys[-1].descending)]


def _sort_key(key: Key, place: Place) -> SortKey:
    column = _column(key.field)
    if key.field.name in _SHARES:
        return SortKey(func.coalesce(column, _LOWEST), key.descending)
    return SortKey(by_code_point(column, place.dialect) if key.type is str else column, key.descending)
