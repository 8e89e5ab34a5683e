"""SQL room: what assets are worth to the customer."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Database
from review_queue import projects, tables
from review_queue.errors import AssetNotFound, PolicyForbidden, WeightInvalid
from review_queue.priority import MAX_BUSINESS, rank
from review_queue.project import Project
from review_queue.ranking.terms import COLUMNS, terms_of
from review_queue.routing import placing

MAX_WEIGHTS = 1_000
_t, _a = tables.tasks.c, tables.assets.c
_WRITE = update(tables.tasks).where(_t.uid == bindparam("task_uid"))


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise WeightInvalid unless there are 1 to 1,000 weights by key, each 0 to 1,000."""
    if not 0 < len(weights) <= MAX_WEIGHTS:
        raise WeightInvalid("At once 1 to 1,000 assets get another weight.")
    for weight in weights.values():
        # Written so that NaN fails.
        if not 0.0 <= weight <= MAX_BUSINESS:
            raise WeightInvalid


async def weigh(db: Database, tenant: str, project_id: str, weights: Mapping[str, float], actor: str) -> int:
    """Say anew what the assets of those keys are worth; how many were worth something else before.

    Raises WeightInvalid, ProjectNotFound, PolicyForbidden or AssetNotFound, and then nothing has changed.
    """
    check_weights(weights)
    async with db.begin() as conn:
        project = await projects.get(conn, tenant, project_id)
        managers = project.routing.managers
        if managers and actor not in managers:
            raise PolicyForbidden
        changed = await _weigh(conn, project, weights)
        await placing.place(conn, project, changed)
    return len(changed)


async def _weigh(conn: AsyncConnection, project: Project, weights: Mapping[str, float]) -> list[str]:
    """Uids of the tasks that changed."""
    keys = select(_a.uid, _a.key).where(_a.project_uid == project.uid, _a.key.in_(sorted(weights)))
    wanted = {uid: weights[key] for uid, key in await conn.execute(keys)}
    if len(wanted) < len(weights):
        raise AssetNotFound("The project has no asset with one of the keys; nothing was changed.")
    # In one order for everyone, or two transactions could wait for each other.
    query = select(_t.uid, *COLUMNS).where(_t.uid.in_(sorted(wanted))).order_by(_t.uid).with_for_update()
    rows = []
    for row in await conn.execute(query):
        if row.business != wanted[row.uid]:
            terms = replace(terms_of(row), business=wanted[row.uid])
            place = rank(terms, project.definition.weights)
            rows.append({"task_uid": row.uid, "business": terms.business, "rank": place})
    if rows:
        await conn.execute(_WRITE, rows)
    return [row["task_uid"] for row in rows]
