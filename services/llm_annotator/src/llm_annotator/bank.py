"""SQL room: the example bank, one reviewed label an asset."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from chassis.pages import Cursor
from labelmesh.label.v1 import label_pb2
from labels.label import Label
from labels.proto import label_from_pb
from llm_annotator.errors import RequestInvalid
from llm_annotator.examples import (
    MAX_EXAMPLE_CHARS,
    Candidate,
    Example,
    classes_of,
    draw_per_class,
    reply_of,
)
from llm_annotator.projects import Project
from llm_annotator.prompt import Shot
from llm_annotator.run import RunConfig, Shots
from llm_annotator.schema import text_tools
from llm_annotator.tables import examples, sealed_assets

MAX_EXAMPLES = 512
"""Examples in one prompt."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An example as people see it; `key` is its place in the list, newest first."""

    label_uid: str
    asset_uid: str
    corrected: bool
    categories: tuple[str, ...]
    key: Cursor


async def put(
    conn: AsyncConnection, project_uid: str, text: str, label: Label, body: bytes, *, corrected: bool
) -> None:
    """Keep the asset's reviewed label.

    An older revision than the one kept changes nothing; long texts and sealed assets are left out.
    """
    if await is_sealed(conn, project_uid, label.asset_uid):
        return
    here = and_(examples.c.project_uid == project_uid, examples.c.asset_uid == label.asset_uid)
    newer = and_(here, examples.c.revision > label.revision)
    if (
        len(text) > MAX_EXAMPLE_CHARS
        or (await conn.execute(select(examples.c.revision).where(newer))).first()
    ):
        return
    await conn.execute(delete(examples).where(here))
    await conn.execute(
        insert_ignore(conn, examples).values(
            project_uid=project_uid,
            asset_uid=label.asset_uid,
            label_uid=label.uid,
            revision=label.revision,
            corrected=corrected,
            classes=json.dumps(sorted(classes_of(label.annotations))),
            text=text,
            label=body,
            review_time_us=now_us(),
        )
    )


async def seal(conn: AsyncConnection, project_uid: str, asset_uids: Sequence[str]) -> None:
    """Bar assets from the bank for good, whatever was or will be kept of them."""
    rows = [{"project_uid": project_uid, "asset_uid": uid} for uid in sorted(set(asset_uids))]
    if rows:
        await conn.execute(insert_ignore(conn, sealed_assets), rows)
        here = and_(
            examples.c.project_uid == project_uid,
            examples.c.asset_uid.in_([row["asset_uid"] for row in rows]),
        )
        await conn.execute(delete(examples).where(here))


async def is_sealed(conn: AsyncConnection, project_uid: str, asset_uid: str) -> bool:
    """Whether the asset is barred."""
    here = and_(sealed_assets.c.project_uid == project_uid, sealed_assets.c.asset_uid == asset_uid)
    return (await conn.execute(select(sealed_assets.c.asset_uid).where(here))).first() is not None


async def remove(conn: AsyncConnection, project_uid: str, asset_uid: str) -> None:
    """Forget the asset's label: a person rejected the asset."""
    here = and_(examples.c.project_uid == project_uid, examples.c.asset_uid == asset_uid)
    await conn.execute(delete(examples).where(here))


def check(project: Project, config: RunConfig) -> None:
    """Raise RequestInvalid when a prompt by the config could hold more examples than allowed."""
    classes = sum(len(tool.categories) for tool in text_tools(project.ontology))
    if config.shots is Shots.FEW and config.per_category * classes > MAX_EXAMPLES:
        raise RequestInvalid(
            f"{config.per_category} examples for each of {classes} categories are more than {MAX_EXAMPLES}."
        )


async def draw(conn: AsyncConnection, project: Project, config: RunConfig) -> list[Example]:
    """The examples for a prompt by the config; labels that the ontology no longer allows are left out."""
    if config.shots is Shots.ZERO:
        return []
    columns = (examples.c.label_uid, examples.c.asset_uid, examples.c.corrected, examples.c.classes)
    rows = (await conn.execute(select(*columns).where(examples.c.project_uid == project.uid))).all()
    candidates = [
        Candidate(
            row.label_uid, row.asset_uid, row.corrected, frozenset((t, c) for t, c in json.loads(row.classes))
        )
        for row in rows
    ]
    drawn = draw_per_class(candidates, project.ontology, config.per_category, config.seed, config.pool)[
        :MAX_EXAMPLES
    ]
    return await _examples(conn, project, drawn)


async def _examples(conn: AsyncConnection, project: Project, drawn: Sequence[Candidate]) -> list[Example]:
    uids = [one.asset_uid for one in drawn]
    query = select(examples).where(examples.c.project_uid == project.uid, examples.c.asset_uid.in_(uids))
    rows = {row.asset_uid: row for row in await conn.execute(query)}
    found = []
    for one in drawn:
        row = rows[one.asset_uid]
        label = label_from_pb(label_pb2.Label.FromString(row.label))
        reply = reply_of(label.annotations, project.ontology)
        if reply is not None:
            found.append(Example(one.label_uid, one.asset_uid, Shot(row.text, reply)))
    return found


async def page(
    conn: AsyncConnection, project_uid: str, limit: int, after: Cursor | None
) -> tuple[list[Entry], int]:
    """A page of the bank, newest first, and how many examples it holds."""
    mine = examples.c.project_uid == project_uid
    total = await conn.scalar(select(func.count()).where(mine)) or 0
    time, uid = examples.c.review_time_us, examples.c.asset_uid
    query = select(examples).where(mine).order_by(time.desc(), uid.desc()).limit(limit)
    if after is not None:
        query = query.where(or_(time < after[0], and_(time == after[0], uid < after[1])))
    entries = [
        Entry(
            row.label_uid,
            row.asset_uid,
            row.corrected,
            tuple(sorted({category for _, category in json.loads(row.classes)})),
            (row.review_time_us, row.asset_uid),
        )
        for row in await conn.execute(query)
    ]
    return entries, total
