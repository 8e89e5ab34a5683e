"""SQL room: gold handed to reviewers as if it were a task, and how they did.

A honeypot has the name of its asset's task and a fencing token like any lease; its answer changes nothing but what is
known about the reviewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.qa.v1 import qa_events_pb2
from labels.asset import Asset
from labels.label import Annotation, Label, same_claims
from labels.proto import label_from_pb
from review_queue import assets
from review_queue import tables as shared
from review_queue.assurance import tables
from review_queue.assurance.binomial import lower_bound
from review_queue.errors import LeaseLost
from review_queue.priority import Terms
from review_queue.project import Project
from review_queue.review import LeasedTask, TaskState
from review_queue.statistics import Rate, wilson

MAX_REVIEWERS = 1_000
_DELTA = 0.05
_t, _a, _l, _f = shared.tasks.c, shared.assets.c, shared.labels.c, shared.findings.c
_i, _h, _r = tables.gold_items.c, tables.honeypots.c, shared.reviews.c


@dataclass(frozen=True, slots=True)
class Pot:
    """A honeypot as a reviewer sees it: a task's content as it goes over the wire, and the proof of its lease."""

    uid: str
    fencing_token: int
    terms: Terms
    asset: asset_pb2.Asset
    label: label_pb2.Label | None
    findings: Sequence[label_pb2.Finding]


@dataclass(frozen=True, slots=True)
class Quality:
    """How a reviewer did on gold: the share of known answers, and its exact lower bound at 95 %."""

    reviewer: str
    accuracy: Rate
    lower_bound: float


async def take(
    conn: AsyncConnection, project: Project, reviewer: str, limit: int, now: int, expire: int
) -> list[Pot]:
    """Lease gold that this reviewer has not answered in any way; what tested the fewest comes first."""
    met = exists().where(_h.asset_uid == _i.asset_uid, _h.reviewer == reviewer, _h.lease_expire_us > now)
    done = exists().where(_h.asset_uid == _i.asset_uid, _h.reviewer == reviewer, _h.passed.is_not(None))
    query = (
        select(
            _i.asset_uid,
            _i.base_label_uid,
            _t.fencing_token,
            _t.create_time_us,
            _t.business,
            _t.novelty,
            _a.body.label("asset"),
            _l.body.label("label"),
            _f.body.label("findings"),
            func.coalesce(_f.severity, 0.0).label("severity"),
        )
        .join(shared.tasks, _t.uid == _i.asset_uid)
        .join(shared.assets, _a.uid == _i.asset_uid)
        .outerjoin(shared.labels, _l.uid == _i.base_label_uid)
        .outerjoin(shared.findings, _f.label_uid == _i.base_label_uid)
        .where(
            _i.project_uid == project.uid,
            _i.answer.is_not(None),
            _i.author != reviewer,
            _t.reviewer != reviewer,
            _t.state == TaskState.DONE,
            ~met,
            ~done,
        )
        .order_by(_i.tests, _i.asset_uid)
        .limit(limit)
    )
    pots = [_pot(row) for row in await conn.execute(query)]
    for pot in pots:
        await _lease(conn, project, reviewer, pot, now, expire)
    return pots


async def _lease(
    conn: AsyncConnection, project: Project, reviewer: str, pot: Pot, now: int, expire: int
) -> None:
    row = {
        "asset_uid": pot.uid,
        "reviewer": reviewer,
        "project_uid": project.uid,
        "fencing_token": pot.fencing_token,
        "lease_expire_us": expire,
        "base_label_uid": pot.label.name.rpartition("/")[2] if pot.label else "",
        "passed": None,
        "create_time_us": now,
    }
    made = await conn.execute(insert_ignore(conn, tables.honeypots).values(row))
    if not made.rowcount:
        here = (_h.asset_uid == pot.uid, _h.reviewer == reviewer)
        await conn.execute(update(tables.honeypots).where(*here).values(row))


def _pot(row: Row[*tuple[Any, ...]]) -> Pot:
    label = label_pb2.Label.FromString(row.label) if row.label is not None else None
    sure = label.confidence.raw if label is not None and label.HasField("confidence") else 0.0
    evaluated = qa_events_pb2.LabelEvaluated.FromString(row.findings) if row.findings else None
    return Pot(
        uid=row.asset_uid,
        fencing_token=row.fencing_token + 1,
        terms=Terms(
            1.0 - sure, row.severity, row.create_time_us, business=row.business, novelty=row.novelty or 0.0
        ),
        asset=asset_pb2.Asset.FromString(row.asset),
        label=label,
        findings=evaluated.findings if evaluated else (),
    )


async def find(
    conn: AsyncConnection, project: Project, uid: str, reviewer: str
) -> tuple[LeasedTask, Asset] | None:
    """The honeypot that the reviewer has or had under a task's uid, as a leased task; None without one."""
    query = (
        select(tables.honeypots, _a.body.label("asset"), _l.body.label("base"))
        .join(shared.assets, _a.uid == _h.asset_uid)
        .outerjoin(shared.labels, _l.uid == _h.base_label_uid)
        .where(_h.asset_uid == uid, _h.reviewer == reviewer, _h.project_uid == project.uid)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    task = LeasedTask(
        state=TaskState.OPEN if row.passed is None else TaskState.DONE,
        reviewer=row.reviewer,
        fencing_token=row.fencing_token,
        lease_expire_us=row.lease_expire_us,
        base=label_from_pb(label_pb2.Label.FromString(row.base)) if row.base is not None else None,
        overruled=False,
    )
    return task, assets.from_body(row.asset)


async def change(
    conn: AsyncConnection, project: Project, uid: str, reviewer: str, token: int, now: int, expire: int
) -> bool:
    """Let the lease of a honeypot end at a time (0: now); whether there was one."""
    changed = await conn.execute(
        update(tables.honeypots)
        .where(
            _h.asset_uid == uid,
            _h.reviewer == reviewer,
            _h.project_uid == project.uid,
            _h.fencing_token == token,
            _h.passed.is_(None),
            _h.lease_expire_us > now,
        )
        .values(lease_expire_us=expire)
    )
    return changed.rowcount > 0


async def answer(
    conn: AsyncConnection, uid: str, task: LeasedTask, annotations: tuple[Annotation, ...] | None, now: int
) -> None:
    """Judge the answer to a honeypot; raises LeaseLost when the lease ended meanwhile."""
    body = (await conn.execute(select(_i.answer).where(_i.asset_uid == uid))).scalar_one()
    known: Label = label_from_pb(label_pb2.Label.FromString(body))
    passed = int(annotations is not None and same_claims(known.annotations, annotations))
    closed = await conn.execute(
        update(tables.honeypots)
        .where(
            _h.asset_uid == uid,
            _h.reviewer == task.reviewer,
            _h.fencing_token == task.fencing_token,
            _h.passed.is_(None),
            _h.lease_expire_us > now,
        )
        .values(passed=passed)
    )
    if not closed.rowcount:
        raise LeaseLost
    more = {"tests": _i.tests + 1, "passed": _i.passed + passed}
    await conn.execute(update(tables.gold_items).where(_i.asset_uid == uid).values(more))


async def quality(conn: AsyncConnection, project: Project) -> list[Quality]:
    """How the project's reviewers did on gold, by reviewer: honeypots, and tasks whose answer was known before."""
    tested = select(_h.reviewer, _h.passed.label("right")).where(
        _h.project_uid == project.uid, _h.passed.is_not(None)
    )
    answered = select(_r.reviewer, _r.gold_right.label("right")).where(
        _r.project_uid == project.uid, _r.gold_right.is_not(None)
    )
    both = tested.union_all(answered).subquery()
    query = select(both.c.reviewer, func.count(), func.sum(both.c.right)).group_by(both.c.reviewer)
    found = await conn.execute(query.order_by(both.c.reviewer).limit(MAX_REVIEWERS))
    return [Quality(name, wilson(int(k), n), lower_bound(int(k), n, _DELTA)) for name, n, k in found]
