"""SQL room: assets, and the tasks that come with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from chassis.pages import Page
from chassis.prepared import Prepared
from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.names import project_name
from labels.proto import asset_from_pb, asset_to_pb
from review_queue import priority, projects, tables
from review_queue.errors import AssetNotFound, KeyTaken
from review_queue.lineage.digest import Kind
from review_queue.lineage.entries import enter
from review_queue.project import PreAnnotation, Project
from review_queue.ranking import seeing
from review_queue.review import TaskState
from review_queue.routing import placing

_a = tables.assets.c
_BODY = Prepared(
    select(_a.body).where(_a.uid == bindparam("of_asset"), _a.project_uid == bindparam("in_project"))
)
_WITH_PROJECT = Prepared(
    select(*projects.changing, _a.body)
    .join_from(tables.projects, tables.assets, _a.project_uid == tables.projects.c.uid)
    .where(projects.named, _a.uid == bindparam("of_asset"))
)

MAX_EVENT_ASSETS = 100
MAX_EVENT_BYTES = 56 << 10
"""Of assets in one AssetsImported; the rest of 60 KiB is for names and lengths."""

Line = tuple[int, Asset]


@dataclass(frozen=True, slots=True)
class SortedOut:
    """Rows that are new, how many were there already, and those whose key stands for something else."""

    new: list[Asset]
    skipped: int
    taken: list[tuple[int, KeyTaken]]


@dataclass(frozen=True, slots=True)
class Told:
    """What an import tells about assets beside them, by key: what they are worth, and sketches of texts."""

    weights: Mapping[str, float] = field(default_factory=dict)
    sketches: Mapping[str, bytes] = field(default_factory=dict)


async def sort_out(conn: AsyncConnection, project: Project, lines: Sequence[Line]) -> SortedOut:
    """Hold rows against the assets that are stored and against each other."""
    known = await _by_keys(conn, project, {asset.key for _, asset in lines})
    result = SortedOut([], 0, [])
    skipped = 0
    for line, asset in lines:
        other = known.get(asset.key)
        if other is None:
            known[asset.key] = asset
            result.new.append(asset)
        elif _same(asset, other):
            skipped += 1
        else:
            result.taken.append((line, KeyTaken()))
    return replace(result, skipped=skipped)


async def _by_keys(conn: AsyncConnection, project: Project, keys: set[str]) -> dict[str, Asset]:
    query = select(_a.key, _a.body).where(_a.project_uid == project.uid, _a.key.in_(sorted(keys)))
    return {row.key: from_body(row.body) for row in await conn.execute(query)}


async def of_keys(conn: AsyncConnection, project: Project, keys: set[str]) -> dict[str, Asset]:
    """The assets of those keys that are there, by key."""
    return await _by_keys(conn, project, keys)


def _same(one: Asset, other: Asset) -> bool:
    return _content(one) == _content(other)


def _content(asset: Asset) -> tuple[Any, ...]:
    picture = asset.image_ref is not None
    return picture, asset.content_sha256, asset.width_px, asset.height_px, dict(asset.context)


async def add(conn: AsyncConnection, project: Project, new: Sequence[Asset], told: Told | None = None) -> int:
    """Store assets with their tasks and events; the number of assets in the project after it."""
    if not new:
        return project.asset_count
    now = now_us()
    p = tables.projects.c
    counted = await conn.execute(
        update(tables.projects)
        .where(p.uid == project.uid)
        .values(asset_count=p.asset_count + len(new))
        .returning(p.asset_count)
    )
    asset_count: int = counted.scalar_one()
    named = [replace(asset, uid=new_uid(), create_time_us=now) for asset in new]
    messages = [asset_to_pb(asset, project.project_id) for asset in named]
    bodies = [message.SerializeToString() for message in messages]
    first = asset_count - len(new) + 1
    stored = [
        {"uid": asset.uid, "project_uid": project.uid, "seq": seq, "key": asset.key, "body": body}
        for seq, (asset, body) in enumerate(zip(named, bodies, strict=True), first)
    ]
    await conn.execute(insert(tables.assets), stored)
    await enter(conn, Kind.ASSET, stored)
    await _add_tasks(conn, project, named, told or Told())
    events = _events(project, messages, bodies, asset_count)
    await outbox.add_many(conn, [(event, project.uid, None) for event in events])
    return asset_count


async def _add_tasks(conn: AsyncConnection, project: Project, new: Sequence[Asset], told: Told) -> None:
    sketches = {asset.uid: told.sketches[asset.key] for asset in new if asset.key in told.sketches}
    novelties = await seeing.keep(conn, project, sketches)
    rows = [_task(project, asset, told.weights.get(asset.key), novelties.get(asset.uid)) for asset in new]
    # With RETURNING the rows go in one statement, and the trigger that counts them on PostgreSQL fires once.
    await conn.execute(insert(tables.tasks).returning(tables.tasks.c.uid), rows)
    await placing.place(conn, project, [asset.uid for asset in new])


def _task(project: Project, asset: Asset, weight: float | None, novelty: float | None) -> dict[str, Any]:
    definition = project.definition
    waits = definition.pre_annotation is not PreAnnotation.NONE
    worth = priority.business(asset.context) if weight is None else weight
    terms = priority.Terms(1.0, 0.0, asset.create_time_us, business=worth, novelty=novelty or 0.0)
    return {
        "uid": asset.uid,
        "project_uid": project.uid,
        "state": TaskState.WAITING if waits else TaskState.OPEN,
        "rank": priority.rank(terms, definition.weights),
        "uncertainty": terms.uncertainty,
        "severity": terms.severity,
        "create_time_us": terms.create_time_us,
        "revision": 0,
        "label_uid": "",
        "label_kind": "",
        "prediction_error": "",
        "reviewer": "",
        "fencing_token": 0,
        "lease_expire_us": 0,
        "leased_label_uid": "",
        "decision": "",
        "business": terms.business,
        "novelty": novelty,
    }


def _events(
    project: Project, messages: Iterable[asset_pb2.Asset], bodies: Iterable[bytes], asset_count: int
) -> Iterator[review_events_pb2.AssetsImported]:
    event, size = _event(project, asset_count), 0
    for message, body in zip(messages, bodies, strict=True):
        if event.assets and (len(event.assets) == MAX_EVENT_ASSETS or size + len(body) > MAX_EVENT_BYTES):
            yield event
            event, size = _event(project, asset_count), 0
        event.assets.append(message)
        size += len(body)
    yield event


def _event(project: Project, asset_count: int) -> review_events_pb2.AssetsImported:
    return review_events_pb2.AssetsImported(
        project=project_name(project.project_id), project_asset_count=asset_count
    )


async def get(conn: AsyncConnection, project: Project, uid: str) -> Asset:
    """One asset of the project; raises AssetNotFound."""
    for row in await _BODY.rows(conn, {"of_asset": uid, "in_project": project.uid}):
        return from_body(row.body)
    raise AssetNotFound


async def with_project(db: Database, tenant: str, project_id: str, uid: str) -> tuple[Project, Asset]:
    """The tenant's project and an asset of it; raises ProjectNotFound or AssetNotFound."""
    async with db.read_one() as conn:
        for row in await _WITH_PROJECT.rows(conn, {**projects.name_of(tenant, project_id), "of_asset": uid}):
            return await projects.from_row(conn, tenant, project_id, row), from_body(row.body)
        await projects.get(conn, tenant, project_id)
    raise AssetNotFound


async def some(conn: AsyncConnection, project: Project, page: Page) -> tuple[list[asset_pb2.Asset], str]:
    """A page of the project's assets in import order, and the token of the next."""
    query = select(_a.seq, _a.body).where(_a.project_uid == project.uid)
    if page.after:
        query = query.where(_a.seq > page.after[0])
    rows = (await conn.execute(query.order_by(_a.seq).limit(page.size + 1))).all()
    cut, token = page.cut(rows, lambda row: len(row.body), lambda row: (row.seq,))
    return [asset_pb2.Asset.FromString(row.body) for row in cut], token


def from_body(body: bytes) -> Asset:
    """The asset of a row."""
    return asset_from_pb(asset_pb2.Asset.FromString(body))
