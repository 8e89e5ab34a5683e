"""SQL room: terms of tasks that models have news for."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from labels.label import Annotation
from labels.proto import label_from_pb
from review_queue import tables
from review_queue.measures.learning import is_slow
from review_queue.project import Project
from review_queue.ranking import seeing
from review_queue.ranking.difference import disagreement
from review_queue.task_rows import Held

_l = tables.labels.c
Claims = Sequence[Annotation]


async def renewed(
    conn: AsyncConnection,
    projects: Iterable[Project],
    held: Mapping[str, Held],
    news: Sequence[tuple[str, Claims]],
) -> dict[str, Held]:
    """The held tasks as new predictions, given as (asset uid, claims) in their order, leave them.

    A prediction disagrees with the current label of its asset, which is the prediction before it until a person has
    labelled the asset. Once the first of several people has answered, it is their disagreement that counts.
    """
    current = await _current(conn, [held[uid] for uid, _ in news])
    found = dict(held)
    for uid, claims in news:
        if uid in current and not found[uid].answers:
            found[uid] = replace(found[uid], disagreement=await _compared(current[uid], claims))
        if uid not in current or found[uid].standing.open_to_models:
            current[uid] = claims
    for project in projects:
        mine = [uid for uid, _ in news if held[uid].project_uid == project.uid]
        for uid, novelty in (await seeing.novelties(conn, project, mine)).items():
            found[uid] = replace(found[uid], novelty=novelty)
    return found


async def _current(conn: AsyncConnection, held: Iterable[Held]) -> dict[str, Claims]:
    """What the current labels of assets claim, by asset uid."""
    wanted = sorted({task.standing.label_uid for task in held} - {""})
    if not wanted:
        return {}
    query = select(_l.asset_uid, _l.body).where(_l.uid.in_(wanted))
    return {
        row.asset_uid: label_from_pb(label_pb2.Label.FromString(row.body)).annotations
        for row in await conn.execute(query)
    }


async def _compared(one: Claims, other: Claims) -> float:
    """Pictures are compared beside the event loop."""
    if is_slow(one, other):
        return await asyncio.to_thread(disagreement, one, other)
    return disagreement(one, other)
