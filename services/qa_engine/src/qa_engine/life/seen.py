"""SQL of the labels that runs look at: those that stand, and those that reviewers were shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from chassis.db import insert_ignore
from qa_engine.life.run import Stage
from qa_engine.life.tables import reviewed_labels, seen_labels

PAGE_LABELS = 1_024
PAGE_BYTES = 16 << 20
"""A page has at most that many labels, and fewer where their messages are larger than that."""
_s, _r = seen_labels.c, reviewed_labels.c


@dataclass(frozen=True, slots=True)
class Seen:
    """A label as an event told it: `label` and `asset` are the serialised messages, `person` who made it."""

    project_uid: str
    asset_uid: str
    label_uid: str
    person: bool
    revision: int
    label: bytes
    asset: bytes

    def replaces(self, other: "Seen") -> bool:
        """Whether this label is the asset's current one after the other; a model's never replaces a person's."""
        return (self.person, self.revision) >= (other.person, other.revision)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a reviewer was shown and left of it: `changed` are ids of annotations, `kept` says that none did."""

    project_uid: str
    label_uid: str
    changed: tuple[str, ...]
    kept: bool
    label: bytes
    asset: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A label on a page of a run; `key` is what the run goes on after."""

    key: str
    label: bytes
    asset: bytes
    changed: tuple[str, ...] = ()
    kept: bool = False


async def put(conn: AsyncConnection, labels: Sequence[Seen]) -> None:
    """Keep labels as their assets' current ones unless a newer one, or a person's, is there."""
    latest: dict[tuple[str, str], Seen] = {}
    for label in labels:
        key = (label.project_uid, label.asset_uid)
        if key not in latest or label.replaces(latest[key]):
            latest[key] = label
    rows = [
        {
            "project_uid": label.project_uid,
            "asset_uid": label.asset_uid,
            "label_uid": label.label_uid,
            "person": int(label.person),
            "revision": label.revision,
            "label": label.label,
            "asset": label.asset,
        }
        # In one order for everyone, or two transactions could wait for each other.
        for _, label in sorted(latest.items())
    ]
    changes = ("label_uid", "person", "revision", "label", "asset")
    await upsert(conn, seen_labels, rows, replaced=changes, where=_newer)


def _newer(new: Any) -> ColumnElement[bool]:
    return or_(new.person > _s.person, and_(new.person == _s.person, new.revision >= _s.revision))


async def put_reviewed(conn: AsyncConnection, labels: Sequence[Reviewed]) -> None:
    """Keep what reviewers left of what they were shown; the first review of a label counts."""
    rows = [
        {
            "project_uid": label.project_uid,
            "label_uid": label.label_uid,
            "changed": json.dumps(label.changed),
            "kept": label.kept,
            "label": label.label,
            "asset": label.asset,
        }
        for label in labels
    ]
    if rows:
        await conn.execute(insert_ignore(conn, reviewed_labels), rows)


async def count(conn: AsyncConnection, project_uid: str) -> int:
    """Labels that stand in the project, as far as this service has heard."""
    query = select(func.count()).select_from(seen_labels).where(_s.project_uid == project_uid)
    return int(await conn.scalar(query) or 0)


async def page(conn: AsyncConnection, project_uid: str, stage: Stage, after: str) -> list[Entry]:
    """The labels behind the key `after`, as many as a page may have; none at the end."""
    return await (_standing if stage is Stage.LABELS else _reviewed)(conn, project_uid, after)


async def _standing(conn: AsyncConnection, project_uid: str, after: str) -> list[Entry]:
    behind = and_(_s.project_uid == project_uid, _s.asset_uid > after)
    keys = await _keys(conn, _s.asset_uid, behind, _s)
    if not keys:
        return []
    query = select(_s.asset_uid, _s.label, _s.asset).where(behind, _s.asset_uid <= keys[-1])
    rows = await conn.execute(query.order_by(_s.asset_uid))
    return [Entry(row.asset_uid, row.label, row.asset) for row in rows]


async def _reviewed(conn: AsyncConnection, project_uid: str, after: str) -> list[Entry]:
    behind = and_(_r.project_uid == project_uid, _r.label_uid > after)
    keys = await _keys(conn, _r.label_uid, behind, _r)
    if not keys:
        return []
    query = select(reviewed_labels).where(behind, _r.label_uid <= keys[-1]).order_by(_r.label_uid)
    return [
        Entry(row.label_uid, row.label, row.asset, tuple(json.loads(row.changed)), row.kept)
        for row in await conn.execute(query)
    ]


async def _keys(conn: AsyncConnection, key: Any, behind: Any, columns: Any) -> list[str]:
    """Keys of the next page, at least one if there is one."""
    size = func.length(columns.label) + func.length(columns.asset)
    rows = (await conn.execute(select(key, size).where(behind).order_by(key).limit(PAGE_LABELS))).all()
    keys: list[str] = []
    room = PAGE_BYTES
    for uid, nbytes in rows:
        room -= nbytes
        if keys and room < 0:
            break
        keys.append(uid)
    return keys
