"""SQL room: reading and writing where assets stand with their labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.prepared import Prepared
from labels.label import LabelKind
from review_queue import tables
from review_queue.errors import AssetNotFound
from review_queue.priority import Terms, Weights, rank
from review_queue.ranking.terms import COLUMNS
from review_queue.review import Decision, TaskState
from review_queue.routing import placing
from review_queue.standing import Standing

_t = tables.tasks.c
_COLUMNS = (
    _t.uid,
    _t.project_uid,
    _t.state,
    _t.revision,
    _t.label_uid,
    _t.label_kind,
    _t.decision,
    _t.prediction_error,
    _t.author,
    _t.run_uid,
    _t.confidence,
    _t.finding_count,
    _t.review_time_us,
    _t.pool,
    _t.audit,
    _t.sealed,
    _t.lease_expire_us,
    _t.answers,
    *COLUMNS,
)
_HOLD = Prepared(
    select(*_COLUMNS).where(_t.uid.in_(bindparam("uids", expanding=True))).order_by(_t.uid).with_for_update()
)
_CHANGED = (
    *("state", "rank", "uncertainty", "severity", "revision", "label_uid", "label_kind", "prediction_error"),
    *("decision", "author", "run_uid", "confidence", "finding_count", "review_time_us", "boost", "pool"),
    *("disagreement", "novelty"),
)
_WRITE = Prepared(
    update(tables.tasks)
    .where(_t.uid == bindparam("task_uid"))
    .values({name: bindparam(name) for name in _CHANGED})
)


def handed_to(reviewer: str | ColumnElement[str], expire_us: int | ColumnElement[int]) -> dict[str, Any]:
    """What changes in a task that is leased: its current label is the one that was handed out, none is held back."""
    return {
        "reviewer": reviewer,
        "fencing_token": _t.fencing_token + 1,
        "lease_expire_us": expire_us,
        "leased_label_uid": _t.label_uid,
        "hidden_label_uid": "",
    }


@dataclass(frozen=True, slots=True)
class Held:
    """An asset's standing, locked until the end of the transaction.

    `audit` and `sealed` say that it was drawn for people, or is gold; `lease_expire_us` is 0 without a lease;
    `answers` of several people are there; `disagreement`, `business` and `novelty` (None where it is not known) are
    terms of the priority that do not come from the label that is up for review.
    """

    uid: str
    project_uid: str
    create_time_us: int
    standing: Standing
    audit: bool = False
    sealed: bool = False
    lease_expire_us: int = 0
    answers: int = 0
    disagreement: float = 0.0
    business: float = 0.0
    novelty: float | None = None


async def hold(conn: AsyncConnection, uids: Iterable[tuple[str, str]]) -> dict[str, Held]:
    """Lock the tasks of (project uid, asset uid) pairs and read their standing, by asset uid.

    Raises AssetNotFound when one is not there or belongs to another project.
    """
    wanted = {uid: project_uid for project_uid, uid in uids}
    # In one order for everyone, or two transactions could wait for each other.
    held = {row.uid: _held(row) for row in await _HOLD.rows(conn, {"uids": sorted(wanted)})}
    for uid, project_uid in wanted.items():
        if uid not in held or held[uid].project_uid != project_uid:
            raise AssetNotFound
    return held


async def write(
    conn: AsyncConnection, changed: Iterable[tuple[Held, Standing]], weights: dict[str, Weights]
) -> None:
    """Store new standings with the rank that follows from them; `weights` by project uid."""
    changes = [(held, new) for held, new in changed if new != held.standing]
    rows = [_row(held, new, weights[held.project_uid]) for held, new in changes]
    if rows:
        await _WRITE.run(conn, rows)
        await placing.place_all(conn, [(held.project_uid, held.uid) for held, _ in changes])


def _held(row: Row[*tuple[Any, ...]]) -> Held:
    standing = Standing(
        state=TaskState(row.state),
        revision=row.revision,
        label_uid=row.label_uid,
        label_kind=LabelKind(row.label_kind) if row.label_kind else None,
        decision=Decision(row.decision) if row.decision else None,
        uncertainty=row.uncertainty,
        severity=row.severity,
        prediction_error=row.prediction_error,
        author=row.author,
        run_uid=row.run_uid,
        confidence=row.confidence,
        findings=row.finding_count,
        review_time_us=row.review_time_us,
        boost=row.boost,
        pool=row.pool,
    )
    return Held(
        row.uid,
        row.project_uid,
        row.create_time_us,
        standing,
        audit=row.audit > 0,
        sealed=row.sealed > 0,
        lease_expire_us=row.lease_expire_us,
        answers=row.answers,
        disagreement=row.disagreement,
        business=row.business,
        novelty=row.novelty,
    )


def _terms(held: Held, new: Standing) -> Terms:
    return Terms(
        new.uncertainty,
        new.severity,
        held.create_time_us,
        new.boost,
        held.disagreement,
        held.business,
        held.novelty or 0.0,
    )


def _row(held: Held, new: Standing, weights: Weights) -> dict[str, Any]:
    return {
        "task_uid": held.uid,
        "state": new.state,
        "rank": rank(_terms(held, new), weights),
        "uncertainty": new.uncertainty,
        "severity": new.severity,
        "revision": new.revision,
        "label_uid": new.label_uid,
        "label_kind": new.label_kind or "",
        "prediction_error": new.prediction_error,
        "decision": new.decision or "",
        "author": new.author,
        "run_uid": new.run_uid,
        "confidence": new.confidence,
        "finding_count": new.findings,
        "review_time_us": new.review_time_us,
        "boost": new.boost,
        "pool": new.pool,
        "disagreement": held.disagreement,
        "novelty": held.novelty,
    }
