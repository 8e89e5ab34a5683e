"""SQL room: the pictures of projects, in the order in which they arrived."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.names import ASSET, parse
from labels.proto import asset_from_pb
from sam_segmenter.batch.projects import Project
from sam_segmenter.tables import assets, projects


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture stands: its place in the import, and the label that its boxes are of."""

    position: int
    reviewed: bool
    boxes_uid: str


def is_picture(message: asset_pb2.Asset) -> bool:
    """Whether the asset is a picture."""
    return message.WhichOneof("content") == "image_ref"


async def add(conn: AsyncConnection, project: Project, messages: Sequence[asset_pb2.Asset]) -> Project:
    """Store pictures in the order given, those known already left alone; returns the project with its new counts.

    `project` must be locked. Texts are counted but not kept. Raises AssetError or NameInvalid.
    """
    first = project.next_position
    pictures = [message for message in messages if is_picture(message)]
    rows = [
        {
            "project_uid": project.uid,
            "asset_uid": parse(message.name, ASSET)[1],
            "position": first + n,
            "body": _body(message),
            "reviewed": False,
            "boxes": b"",
            "boxes_uid": "",
        }
        for n, message in enumerate(pictures)
    ]
    if rows:
        await conn.execute(insert_ignore(conn, assets), rows)
    fresh = select(func.count()).where(assets.c.project_uid == project.uid, assets.c.position >= first)
    stored = await conn.scalar(fresh) or 0
    count = project.asset_count + stored + len(messages) - len(pictures)
    last = first + len(rows)
    values = {"asset_count": count, "next_position": last}
    await conn.execute(update(projects).where(projects.c.project_uid == project.uid).values(**values))
    return replace(project, asset_count=count, next_position=last)


def _body(message: asset_pb2.Asset) -> bytes:
    asset_from_pb(message)
    return message.SerializeToString()


async def place(conn: AsyncConnection, project: Project, message: asset_pb2.Asset) -> Place:
    """Where the picture stands, stored first if its import has not arrived. `project` must be locked."""
    uid = parse(message.name, ASSET)[1]
    here = (assets.c.project_uid == project.uid) & (assets.c.asset_uid == uid)
    query = select(assets.c.position, assets.c.reviewed, assets.c.boxes_uid).where(here)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        await add(conn, project, [message])
        row = (await conn.execute(query)).one()
    return Place(row.position, row.reviewed, row.boxes_uid)


async def mark_reviewed(conn: AsyncConnection, project_uid: str, position: int) -> None:
    """Remember that a person has answered for the picture."""
    here = (assets.c.project_uid == project_uid) & (assets.c.position == position)
    await conn.execute(update(assets).where(here).values(reviewed=True))


async def put_boxes(
    conn: AsyncConnection, project_uid: str, position: int, uid: str, label: label_pb2.Label | None
) -> None:
    """Keep the boxes of the picture's current label, that label's uid with them; None forgets those before."""
    here = (assets.c.project_uid == project_uid) & (assets.c.position == position)
    kept = label_pb2.Label()
    if label is not None:
        kept.kind = label.kind
        kept.annotations.extend(a for a in label.annotations if a.WhichOneof("value") == "box")
    body = kept.SerializeToString() if label is not None else b""
    values = {"boxes": body, "boxes_uid": uid if label is not None else ""}
    await conn.execute(update(assets).where(here).values(**values))
