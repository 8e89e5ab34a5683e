"""SQL room: gold sets, and the known answers of their items.

An asset is sealed in the transaction that makes it gold, and the event that tells the example bank goes out with it.
"""

import heapq
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from chassis.ids import new_uid
from chassis.pages import Page
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.label import Annotation, Label, LabelKind, same_claims
from labels.names import GOLD_SET, asset_name, gold_set_name, parse, project_name
from labels.proto import label_from_pb, label_to_pb
from review_queue import assets, requests, revisions, task_rows
from review_queue import tables as shared
from review_queue.assurance import sampling, tables
from review_queue.errors import GoldInvalid, GoldSetNotFound
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import TaskState
from review_queue.task_rows import Held

MAX_SETS = 100
MAX_ADDED = 100
MAX_DRAWN = 10_000
MAX_DISPLAY_NAME = 200
CHOSEN, DRAWN = 1, 2
_EVENT = 1_000
_PART = 500
_PAGE = 10_000
_t, _l, _g, _i = shared.tasks.c, shared.labels.c, tables.gold_sets.c, tables.gold_items.c


@dataclass(frozen=True, slots=True)
class GoldSet:
    """A gold set with its numbers; see the contract."""

    uid: str
    gold_set_id: str
    display_name: str
    revision: int
    items: int
    answered: int
    create_time_us: int


@dataclass(frozen=True, slots=True)
class Known:
    """An asset and its answer; None takes the one that a person gave."""

    asset_uid: str
    annotations: tuple[Annotation, ...] | None


async def create(db: Database, project: Project, gold_set_id: str, display_name: str) -> GoldSet:
    """An empty set, or the one of that id. Raises GoldInvalid or NameInvalid."""
    parse(gold_set_name(project.project_id, gold_set_id), GOLD_SET)
    if len(display_name) > MAX_DISPLAY_NAME or "\x00" in display_name:
        raise GoldInvalid("A name for people has at most 200 characters.")
    async with db.begin() as conn:
        n = select(func.count()).where(_g.project_uid == project.uid)
        if (await conn.execute(n)).scalar_one() >= MAX_SETS:
            raise GoldInvalid(f"A project has at most {MAX_SETS} gold sets.")
        row: dict[str, Any] = {"uid": new_uid(), "project_uid": project.uid, "gold_set_id": gold_set_id}
        row |= {"display_name": display_name, "revision": 0, "create_time_us": now_us()}
        await conn.execute(insert_ignore(conn, tables.gold_sets).values(row))
        return await get(conn, project, gold_set_id)


async def get(conn: AsyncConnection, project: Project, gold_set_id: str) -> GoldSet:
    """One set of the project; raises GoldSetNotFound."""
    for found in await every(conn, project, gold_set_id):
        return found
    raise GoldSetNotFound


async def every(conn: AsyncConnection, project: Project, gold_set_id: str = "") -> list[GoldSet]:
    """The project's sets by id, or the one of an id."""
    query = (
        select(tables.gold_sets, func.count(_i.asset_uid).label("n"), func.count(_i.answer).label("known"))
        .outerjoin(tables.gold_items, _i.set_uid == _g.uid)
        .where(_g.project_uid == project.uid)
        .group_by(*tables.gold_sets.c)
        .order_by(_g.gold_set_id)
    )
    if gold_set_id:
        query = query.where(_g.gold_set_id == gold_set_id)
    return [
        GoldSet(
            row.uid, row.gold_set_id, row.display_name, row.revision, row.n, row.known, row.create_time_us
        )
        for row in await conn.execute(query)
    ]


async def add(
    db: Database, blobs: Blobs, project: Project, gold_set_id: str, known: Sequence[Known], author: str
) -> GoldSet:
    """Seal chosen assets with their answers, all of them or none.

    Raises GoldInvalid, GoldSetNotFound, AssetNotFound, AnnotationInvalid or OntologyError.
    """
    if not 0 < len(known) <= MAX_ADDED or len({k.asset_uid for k in known}) < len(known):
        raise GoldInvalid(f"1 to {MAX_ADDED} assets are added at once, each one once.")
    await _check(db, blobs, project, known)
    async with db.begin() as conn:
        to = await get(conn, project, gold_set_id)
        held = await task_rows.hold(conn, ((project.uid, k.asset_uid) for k in known))
        revision = await _revise(conn, to)
        await _check_free(conn, to, list(held))
        for item in known:
            label = await _answer(conn, project, held[item.asset_uid], item, author)
            await _put(conn, project, to, revision, held[item.asset_uid], label)
        await _seal(conn, project, sorted(held), CHOSEN)
        return await get(conn, project, gold_set_id)


async def _check(db: Database, blobs: Blobs, project: Project, known: Sequence[Known]) -> None:
    for item in known:
        if item.annotations is not None:
            async with db.read() as conn:
                asset = await assets.get(conn, project, item.asset_uid)
            await revisions.check(blobs, project, asset, item.annotations)


async def _revise(conn: AsyncConnection, of: GoldSet) -> int:
    changed = update(tables.gold_sets).where(_g.uid == of.uid).values(revision=_g.revision + 1)
    return int((await conn.execute(changed.returning(_g.revision))).scalar_one())


async def _check_free(conn: AsyncConnection, to: GoldSet, uids: Sequence[str]) -> None:
    other = select(_i.asset_uid).where(_i.asset_uid.in_(uids), _i.set_uid != to.uid)
    if (await conn.execute(other.limit(1))).first():
        raise GoldInvalid("An asset belongs to another gold set already.")


async def _answer(
    conn: AsyncConnection, project: Project, held: Held, item: Known, author: str
) -> label_pb2.Label:
    """The known answer as a label."""
    if item.annotations is not None:
        label = Label(LabelKind.REVIEW, author, item.annotations, asset_uid=held.uid, create_time_us=now_us())
        return label_to_pb(label, project.project_id)
    if held.standing.label_kind is not LabelKind.REVIEW:
        raise GoldInvalid("No person has labelled the asset; give its answer.")
    body = (await conn.execute(select(_l.body).where(_l.uid == held.standing.label_uid))).scalar_one()
    return label_pb2.Label.FromString(body)


async def _put(
    conn: AsyncConnection, project: Project, to: GoldSet, revision: int, held: Held, answer: label_pb2.Label
) -> None:
    row = _row(project, to, revision, held.uid, drawn=False) | {
        "answer": answer.SerializeToString(),
        "author": answer.author,
        "base_label_uid": await _prediction(conn, held),
    }
    made = await conn.execute(insert_ignore(conn, tables.gold_items).values(row))
    if not made.rowcount:
        values = {key: row[key] for key in ("answer", "author", "revision")}
        await conn.execute(update(tables.gold_items).where(_i.asset_uid == held.uid).values(values))


async def _prediction(conn: AsyncConnection, held: Held) -> str:
    """Uid of the asset's newest prediction, which testers are shown; empty without one."""
    query = select(_l.uid).where(_l.asset_uid == held.uid, _l.kind == LabelKind.PREDICTION.value)
    return str((await conn.execute(query.order_by(_l.revision.desc()).limit(1))).scalar() or "")


def _row(project: Project, to: GoldSet, revision: int, uid: str, *, drawn: bool) -> dict[str, Any]:
    return {
        "asset_uid": uid,
        "project_uid": project.uid,
        "set_uid": to.uid,
        "revision": revision,
        "drawn": int(drawn),
        "answer": None,
        "author": "",
        "base_label_uid": "",
        "tests": 0,
        "passed": 0,
    }


async def draw(
    db: Database, project: Project, gold_set_id: str, count: int, request: Request
) -> tuple[GoldSet, int]:
    """Seal assets drawn at random from those that nobody has answered or is looking at; how many there were.

    Raises GoldInvalid, GoldSetNotFound or RequestIdReused.
    """
    if not 0 < count <= MAX_DRAWN:
        raise GoldInvalid(f"1 to {MAX_DRAWN:,} assets are drawn at once.")
    async with db.read() as conn:
        await get(conn, project, gold_set_id)
        chosen = await _choose(conn, project, count, secrets.token_bytes(sampling.SECRET_BYTES))
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, request)) is not None:
            return await get(conn, project, gold_set_id), int(answer)
        to = await get(conn, project, gold_set_id)
        held: dict[str, Held] = {}
        for start in range(0, len(chosen), _PART):
            part = chosen[start : start + _PART]
            held |= await task_rows.hold(conn, ((project.uid, uid) for uid in part))
        uids = sorted(uid for uid, task in held.items() if _may_be_drawn(task))
        if uids:
            revision = await _revise(conn, to)
            rows = [_row(project, to, revision, uid, drawn=True) for uid in uids]
            await conn.execute(insert_ignore(conn, tables.gold_items), rows)
            await _seal(conn, project, uids, DRAWN)
        await requests.answer(conn, project.uid, request, str(len(uids)).encode())
        return await get(conn, project, gold_set_id), len(uids)


def _may_be_drawn(task: Held) -> bool:
    answered = task.standing.state is TaskState.DONE
    return not (answered or task.sealed or task.lease_expire_us > now_us())


async def _choose(conn: AsyncConnection, project: Project, count: int, secret: bytes) -> list[str]:
    """Uids at random: those whose places under a fresh secret are the lowest."""
    lowest: list[tuple[float, str]] = []
    after = ""
    while True:
        query = select(_t.uid).where(
            _t.project_uid == project.uid, _t.state != TaskState.DONE, _t.sealed == 0, _t.uid > after
        )
        uids = list((await conn.execute(query.order_by(_t.uid).limit(_PAGE))).scalars())
        for uid in uids:
            place = (-sampling.position(secret, uid), uid)
            if len(lowest) < count:
                heapq.heappush(lowest, place)
            else:
                heapq.heappushpop(lowest, place)
        if len(uids) < _PAGE:
            return [uid for _, uid in lowest]
        after = uids[-1]


async def _seal(conn: AsyncConnection, project: Project, uids: Sequence[str], how: int) -> None:
    """Mark the tasks, a drawn one staying drawn, and tell who keeps examples."""
    for start in range(0, len(uids), _PART):
        part = uids[start : start + _PART]
        mark = case((_t.sealed == DRAWN, DRAWN), else_=how)
        await conn.execute(update(shared.tasks).where(_t.uid.in_(part)).values(sealed=mark))
    for start in range(0, len(uids), _EVENT):
        names = [asset_name(project.project_id, uid) for uid in uids[start : start + _EVENT]]
        event = review_events_pb2.AssetsSealed(project=project_name(project.project_id), assets=names)
        await outbox.add(conn, event, project.uid)


async def learn(
    conn: AsyncConnection, asset_uid: str, answer: label_pb2.Label | None, base: Label | None, author: str
) -> None:
    """A person answered a task: where it is gold without an answer, that is its answer from now on."""
    if answer is None:
        return
    values = {
        "answer": answer.SerializeToString(),
        "author": author,
        "base_label_uid": base.uid if base else "",
    }
    here = (_i.asset_uid == asset_uid, _i.answer.is_(None))
    await conn.execute(update(tables.gold_items).where(*here).values(values))


async def judge(
    conn: AsyncConnection, asset_uid: str, annotations: tuple[Annotation, ...] | None, shown: Label | None
) -> dict[str, int]:
    """What gold says about an answer, and about the prediction it began with, as columns of a review.

    Empty where the asset's answer is not known.
    """
    query = select(_i.answer).where(_i.asset_uid == asset_uid, _i.answer.is_not(None))
    body = (await conn.execute(query)).scalar()
    if body is None:
        return {}
    known = label_from_pb(label_pb2.Label.FromString(body)).annotations
    found = {"gold_right": int(annotations is not None and same_claims(known, annotations))}
    if shown is not None and shown.kind is LabelKind.PREDICTION:
        found["gold_prediction_right"] = int(same_claims(known, shown.annotations))
    return found


async def items(
    conn: AsyncConnection, project: Project, gold_set_id: str, page: Page
) -> tuple[list[Row[*tuple[Any, ...]]], str]:
    """A page of a set's items by asset, and the token of the next; raises GoldSetNotFound."""
    of = await get(conn, project, gold_set_id)
    columns = (
        _i.asset_uid,
        _i.drawn,
        _i.answer.is_not(None).label("answered"),
        _i.revision,
        _i.tests,
        _i.passed,
    )
    query = select(*columns).where(_i.set_uid == of.uid)
    if page.after:
        query = query.where(_i.asset_uid > page.after[0])
    rows = (await conn.execute(query.order_by(_i.asset_uid).limit(page.size + 1))).all()
    cut, token = page.first(rows, lambda row: (row.asset_uid,))
    return list(cut), token
