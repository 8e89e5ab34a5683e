"""SQL room: tasks with everything that a person needs to see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.qa.v1 import qa_events_pb2
from review_queue import tables
from review_queue.priority import Terms
from review_queue.project import Project
from review_queue.ranking.terms import terms_of
from review_queue.review import TaskState
from review_queue.routing.turn import Turn

_t, _a, _l, _f = tables.tasks.c, tables.assets.c, tables.labels.c, tables.findings.c


@dataclass(frozen=True, slots=True)
class Sent:
    """Who last sent a task where and why; all empty when nobody did since it was answered."""

    by: str = ""
    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A task as it is now; asset, label and findings as they go over the wire."""

    uid: str
    state: TaskState
    terms: Terms
    reviewer: str
    prediction_error: str
    pool: str
    turn: Turn
    sent: Sent
    asset: asset_pb2.Asset
    label: label_pb2.Label | None
    findings: Sequence[label_pb2.Finding]

    @property
    def size(self) -> int:
        """What it weighs in an answer, bytes; the few small fields aside."""
        return self.asset.ByteSize() + (self.label.ByteSize() if self.label else 0)


async def shown(
    conn: AsyncConnection, project: Project, uids: Sequence[str], now_us: int, *, leased: bool = False
) -> list[Shown]:
    """The tasks of those uids, in their order, with their current label (`leased`: with the one handed out)."""
    mine = (_t.uid.in_(sorted(uids)), _t.project_uid == project.uid)
    query = looking(tables.tasks, leased=leased).where(*mine)
    found = {row.uid: from_row(row, now_us) for row in await conn.execute(query)}
    return [found[uid] for uid in uids]


def looking(tasks: FromClause, *, leased: bool) -> Select[*tuple[Any, ...]]:
    """All that a person needs to see of rows of `tasks`, or of an expression with its columns."""
    label_uid = tasks.c.leased_label_uid if leased else tasks.c.label_uid
    return (
        select(tasks, _a.body.label("asset"), _l.body.label("label"), _f.body.label("findings"))
        .join(tables.assets, _a.uid == tasks.c.uid)
        .outerjoin(tables.labels, _l.uid == label_uid)
        .outerjoin(tables.findings, _f.label_uid == label_uid)
    )


def from_row(row: Row[*tuple[Any, ...]], now_us: int) -> Shown:
    """What a row of `looking` shows at that time, microseconds since the epoch."""
    state = TaskState(row.state)
    if state is TaskState.OPEN and row.lease_expire_us > now_us:
        state = TaskState.LEASED
    if state is TaskState.LEASED and row.hidden_label_uid:
        return _without_prediction(row)
    evaluated = qa_events_pb2.LabelEvaluated.FromString(row.findings) if row.findings else None
    return Shown(
        uid=row.uid,
        state=state,
        terms=terms_of(row),
        reviewer=row.reviewer if state in (TaskState.LEASED, TaskState.DONE) else "",
        prediction_error=row.prediction_error,
        pool=row.sent_pool or row.pool or row.routed_pool,
        turn=turn_of(row),
        sent=Sent(row.sent_by, row.sent_to, row.sent_reason),
        asset=asset_pb2.Asset.FromString(row.asset),
        label=label_pb2.Label.FromString(row.label) if row.label is not None else None,
        findings=evaluated.findings if evaluated else (),
    )


def _without_prediction(row: Row[*tuple[Any, ...]]) -> Shown:
    """A leased task whose prediction is held back looks as if no model had ever seen it."""
    return Shown(
        uid=row.uid,
        state=TaskState.LEASED,
        terms=Terms(1.0, 0.0, row.create_time_us, business=row.business, novelty=row.novelty or 0.0),
        reviewer=row.reviewer,
        prediction_error="",
        pool=row.sent_pool or row.pool or row.routed_pool,
        turn=turn_of(row),
        sent=Sent(row.sent_by, row.sent_to, row.sent_reason),
        asset=asset_pb2.Asset.FromString(row.asset),
        label=None,
        findings=(),
    )


def turn_of(row: Row[*tuple[Any, ...]]) -> Turn:
    """How far the task of a row has got between people."""
    return Turn(row.answers, row.answers_wanted, row.stage, row.answered_by, row.sent_to)
