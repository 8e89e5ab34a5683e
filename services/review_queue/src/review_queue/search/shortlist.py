"""SQL room: conditions of a filter that an index answers by itself, as short lists of assets.

A short list holds every asset that its condition can hold for, and rather too many: the filter is asked of all of them
once more. So it may come from tables that say what a label once was.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import tables
from review_queue.comparing import stands
from review_queue.filter import And, Compare, Expression, Op, Or, Pattern, Present
from review_queue.search.conditions import Place
from review_queue.search.tables import CHANGED, FOUND, PREDICTED, REJECTED, SURE, finding_rules

LONGEST = 3_000
"""Entries that a short list may have; with more of them it is quicker to walk along all labels in order."""
_TRIED = 8
_ENOUGH = 200
_l, _t, _a = tables.labels.c, tables.tasks.c, tables.assets.c
_f, _r, _c = tables.findings.c, tables.reviews.c, tables.label_categories.c
_Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Rows of an index, each an asset's uid (`of_labels`: a label's); `assets` are the assets of them."""

    rows: _Rows
    of_labels: bool = False

    @property
    def assets(self) -> _Rows:
        """The uids of the assets, maybe several times."""
        return select(_l.asset_uid).where(_l.uid.in_(self.rows)) if self.of_labels else self.rows


async def shortest(
    conn: AsyncConnection, expression: Expression, place: Place, longest: int
) -> Shortlist | None:
    """The shortest list that the filter's conditions allow; None where all that were tried are too long."""
    best, least = None, longest + 1
    for found in shortlists(expression, place)[:_TRIED]:
        counted = select(func.count()).select_from(found.rows.limit(least).subquery("listed"))
        n: int = (await conn.execute(counted)).scalar_one()
        if n < least:
            best, least = found, n
        if least <= _ENOUGH:
            break
    return best


def shortlists(expression: Expression, place: Place) -> list[Shortlist]:
    """Every list that by itself holds all that the filter holds for."""
    match expression:
        case And():
            return [found for part in expression.parts for found in shortlists(part, place)]
        case Or():
            parts = [shortlists(part, place)[:1] for part in expression.parts]
            if not parts or not all(parts):
                return []
            return [Shortlist(_all_of([found.assets for (found,) in parts]))]
        case Compare():
            found = _of_number(expression, place) or _of_text(expression, place)
            return [found] if found else []
        case Present() if expression.field.name in ("findings", "rule", "severity"):
            return [Shortlist(_found(place), of_labels=True)]
        case _:
            return []


def _all_of(several: list[_Rows]) -> _Rows:
    every = union_all(*several).subquery("several")
    return select(every.c[0])


def _labels(place: Place) -> _Rows:
    return select(_l.asset_uid).where(_l.project_uid == place.project_uid)


def _found(place: Place) -> _Rows:
    return select(_f.label_uid).where(_f.project_uid == place.project_uid, FOUND)


def _rejected(place: Place) -> _Rows:
    return select(_r.asset_uid).where(_r.project_uid == place.project_uid, REJECTED)


def _of_number(c: Compare, place: Place) -> Shortlist | None:
    value = c.value
    if isinstance(value, Pattern):
        return None
    below_one = value < 1 if c.op in (Op.LE, Op.EQ) else c.op is Op.LT and value <= 1
    above_none = value > 0 if c.op in (Op.GE, Op.EQ) else c.op is Op.GT and value >= 0
    match c.field.name:
        case "agreement" | "overlap" if below_one:
            # What overlaps in part agrees in part, at most.
            return Shortlist(_labels(place).where(CHANGED, stands(_l[c.field.name], c, place.dialect)))
        case "confidence":
            return Shortlist(_labels(place).where(SURE, stands(_l.confidence, c, place.dialect)))
        case "create_time":
            return Shortlist(_labels(place).where(stands(_l.create_time_us, c, place.dialect)))
        case "findings" if above_none:
            return Shortlist(_found(place).where(stands(_f.n, c, place.dialect)), of_labels=True)
        case "prompt_revision" if above_none and value == int(value):
            # A whole number: PostgreSQL turns an index of them off where they are to be compared with a real one.
            made = _labels(place).where(PREDICTED)
            return Shortlist(
                made.where(stands(_l.prompt_revision, replace(c, value=int(value)), place.dialect))
            )
        case "severity" if above_none:
            return Shortlist(_found(place).where(stands(_f.severity, c, place.dialect)), of_labels=True)
        case _:
            return None


def _of_text(c: Compare, place: Place) -> Shortlist | None:
    if c.op is not Op.EQ or not isinstance(c.value, Pattern) or not c.value.plain:
        return None
    text = c.value.text
    match c.field.name:
        case "asset":
            return Shortlist(select(_a.uid).where(_a.uid == text, _a.project_uid == place.project_uid))
        case "author" | "model" if text:
            # A model is the author of its predictions.
            return Shortlist(_labels(place).where(_l.author == text))
        case "category":
            mine = (_c.project_uid == place.project_uid) & (_c.category == text)
            return Shortlist(select(_c.label_uid).where(mine), of_labels=True)
        case "changed" if text == "YES":
            return Shortlist(_labels(place).where(CHANGED))
        case "decision":
            return _of_decision(text, place)
        case "key":
            return Shortlist(select(_a.uid).where(_a.project_uid == place.project_uid, _a.key == text))
        case "reviewer" if text:
            # Whoever answers makes a label, but for those who reject.
            made = _labels(place).where(_l.author == text)
            return Shortlist(_all_of([made, _rejected(place).where(_r.reviewer == text)]))
        case "rule":
            of = finding_rules.c
            mine = (of.project_uid == place.project_uid) & (of.rule == text)
            return Shortlist(select(of.label_uid).where(mine), of_labels=True)
        case "run" if text:
            made = _labels(place).where(_l.kind == "PREDICTION", _l.run_uid == text)
            return Shortlist(made)
        case "uid":
            return Shortlist(_labels(place).where(_l.uid == text))
        case _:
            return None


def _of_decision(decision: str, place: Place) -> Shortlist | None:
    if decision == "REJECT":
        return Shortlist(_rejected(place))
    if decision != "AUTO_ACCEPT":
        return None
    unseen = _t.decision == literal_column("'AUTO_ACCEPT'")
    return Shortlist(select(_t.uid).where(_t.project_uid == place.project_uid, unseen))
