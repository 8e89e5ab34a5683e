"""SQL room: which models' labels people look at, and which are taken unseen.

A label counts from the moment it is the current one of an open task. Whether its asset is drawn depends on nothing but
the asset and a secret, so the drawn ones are a random sample of all; a label that was drawn and is above its
threshold, and one that was accepted, are remembered as two parts of one draw.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from labelmesh.label.v1 import label_pb2
from labels.asset import Asset
from labels.label import Label, LabelKind
from labels.proto import label_from_pb
from review_queue import assets, standing, task_rows
from review_queue import tables as shared
from review_queue.assurance import policies, tables
from review_queue.assurance.policy import InForce, Stage
from review_queue.assurance.slices import facts
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.standing import Standing
from review_queue.task_rows import Held

_BATCH = 200
_MOST_PARAMETERS = 500
_t, _a, _l, _d = shared.tasks.c, shared.assets.c, shared.labels.c, tables.draws.c
_MARK = update(shared.tasks).where(_t.uid == bindparam("task_uid")).values(audit=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model's label that may be accepted: its task, held, and how that stands with the label."""

    held: Held
    standing: Standing
    asset: Asset
    label: Label


@dataclass(frozen=True, slots=True)
class Applied:
    """Open tasks looked at; those of them newly drawn for people, and those accepted unseen."""

    looked_at: int = 0
    drawn: int = 0
    accepted: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        """Both together."""
        return Applied(
            self.looked_at + other.looked_at, self.drawn + other.drawn, self.accepted + other.accepted
        )


async def act(conn: AsyncConnection, offers: Sequence[Offer]) -> tuple[dict[str, Standing], Applied]:
    """Draw and accept; the new standings of accepted tasks by asset uid, which the caller stores.

    Labels that are not the current one of an open task are left alone, and so is what a person is looking at.
    """
    acting = await policies.in_force(conn, (offer.held.project_uid for offer in offers)) if offers else {}
    now = now_us()
    accepted: dict[str, Standing] = {}
    marks, rows = [], []
    for offer in offers:
        rules = acting.get(offer.held.project_uid)
        if rules is None or not _may_act(offer):
            continue
        uid = offer.held.uid
        drawn = offer.held.audit or rules.audits(uid)
        if drawn and not offer.held.audit:
            marks.append({"task_uid": uid})
        above = _above(offer, rules)
        if not above or offer.held.sealed or not (drawn or _free(offer, rules, now)):
            continue
        rows.append(_draw(offer, rules, audit=drawn, now=now))
        if not drawn:
            accepted[uid] = standing.after_acceptance(offer.standing, now)
    if marks:
        await conn.execute(_MARK, marks)
    await _remember(conn, rows)
    return accepted, Applied(len(offers), len(marks), len(accepted))


def _may_act(offer: Offer) -> bool:
    now = offer.standing
    return now.state is TaskState.OPEN and now.label_uid == offer.label.uid


def _above(offer: Offer, rules: InForce) -> bool:
    now = offer.standing
    return rules.above(now.run_uid, now.confidence, now.severity, facts(offer.label, offer.asset))


def _free(offer: Offer, rules: InForce, now: int) -> bool:
    """Whether nobody is looking at it, and the stage lets labels be accepted."""
    return rules.stage is not Stage.ASSISTED and offer.held.lease_expire_us <= now


def _draw(offer: Offer, rules: InForce, *, audit: bool, now: int) -> dict[str, object]:
    return {
        "asset_uid": offer.held.uid,
        "project_uid": offer.held.project_uid,
        "label_uid": offer.label.uid,
        "fit_uid": rules.fit_uid,
        "slice": facts(offer.label, offer.asset).slice(rules.policy.slice_by),
        "audit": int(audit),
        "audit_rate": rules.audit_rate,
        "wrong": None,
        "create_time_us": now,
    }


async def _remember(conn: AsyncConnection, rows: Sequence[dict[str, object]]) -> None:
    """The newest draw of an asset counts: of an earlier label, or an earlier fit, it says nothing any more."""
    if not rows:
        return
    await forget(conn, (str(row["asset_uid"]) for row in rows))
    await conn.execute(insert_ignore(conn, tables.draws), list(rows))


async def forget(conn: AsyncConnection, uids: Iterable[str]) -> None:
    """Forget draws that nobody has answered."""
    every = sorted(uids)
    for start in range(0, len(every), _MOST_PARAMETERS):
        part = every[start : start + _MOST_PARAMETERS]
        await conn.execute(delete(tables.draws).where(_d.asset_uid.in_(part), _d.wrong.is_(None)))


async def apply(db: Database, project: Project) -> AsyncIterator[Applied]:
    """Draw and accept among the tasks that are open already, batch by batch; yields the sums so far.

    Raises PolicyMissing.
    """
    async with db.read() as conn:
        await policies.get(conn, project)
    done, after = Applied(), ""
    while True:
        async with db.begin() as conn:
            uids = await _open_after(conn, project, after)
            done += await _apply(conn, project, uids)
        yield done
        if len(uids) < _BATCH:
            return
        after = uids[-1]


async def _open_after(conn: AsyncConnection, project: Project, after: str) -> list[str]:
    """Uids of the next open tasks that a model's label is up for review in."""
    query = (
        select(_t.uid)
        .where(
            _t.project_uid == project.uid,
            _t.state == TaskState.OPEN,
            _t.label_kind == LabelKind.PREDICTION.value,
            _t.uid > after,
        )
        .order_by(_t.uid)
        .limit(_BATCH)
    )
    return list((await conn.execute(query)).scalars())


async def _apply(conn: AsyncConnection, project: Project, uids: Sequence[str]) -> Applied:
    held = await task_rows.hold(conn, ((project.uid, uid) for uid in uids))
    offers = await _offers(conn, held)
    accepted, applied = await act(conn, offers)
    weights = {project.uid: project.definition.weights}
    await task_rows.write(conn, ((held[uid], new) for uid, new in accepted.items()), weights)
    return applied


async def _offers(conn: AsyncConnection, held: dict[str, Held]) -> list[Offer]:
    query = (
        select(_t.uid, _a.body.label("asset"), _l.body.label("label"))
        .join(shared.assets, _a.uid == _t.uid)
        .join(shared.labels, _l.uid == _t.label_uid)
        .where(_t.uid.in_(sorted(held)))
        .order_by(_t.uid)
    )
    return [
        Offer(
            held[row.uid],
            held[row.uid].standing,
            assets.from_body(row.asset),
            label_from_pb(label_pb2.Label.FromString(row.label)),
        )
        for row in await conn.execute(query)
    ]


async def reopen(db: Database, project: Project, since_us: int) -> int:
    """Open what was accepted unseen at or after a time (microseconds since the epoch), batch by batch; how many."""
    reopened = 0
    while True:
        async with db.begin() as conn:
            query = select(_t.uid).where(
                _t.project_uid == project.uid, _t.decision == "AUTO_ACCEPT", _t.review_time_us >= since_us
            )
            uids = list(
                (await conn.execute(query.order_by(_t.review_time_us, _t.uid).limit(_BATCH))).scalars()
            )
            held = await task_rows.hold(conn, ((project.uid, uid) for uid in uids))
            changed = [(task, standing.after_withdrawal(task.standing)) for task in held.values()]
            await task_rows.write(conn, changed, {project.uid: project.definition.weights})
            await forget(conn, uids)
        reopened += len(uids)
        if len(uids) < _BATCH:
            return reopened
