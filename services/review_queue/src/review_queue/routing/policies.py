"""SQL room: policies of queues."""

from collections.abc import AsyncIterator
from dataclasses import replace

from sqlalchemy import select, update

from chassis.db import Database
from review_queue import projects, tables
from review_queue.errors import EtagMismatch, PolicyForbidden
from review_queue.project import Project
from review_queue.review import TaskState
from review_queue.routing import placing
from review_queue.routing.policy import QueuePolicy, check_policy
from review_queue.routing.wire import policy_to_pb

_t, _p = tables.tasks.c, tables.projects.c
_PART = 5_000


async def put(
    db: Database, tenant: str, project_id: str, policy: QueuePolicy, etag: str, actor: str
) -> tuple[QueuePolicy, int]:
    """Replace a project's policy and route its tasks anew; the policy as stored and how many tasks moved.

    `etag` is that of the policy that is replaced, empty for whichever it is. Tasks are routed part by part after the
    policy is stored; the same call again goes on where one was cut off. Raises QueuePolicyInvalid, FilterInvalid,
    ProjectNotFound, PolicyForbidden or EtagMismatch.
    """
    check_policy(policy)
    async with db.begin() as conn:
        project = await projects.get(conn, tenant, project_id, lock=True)
        before = project.routing
        if before.managers and actor not in before.managers:
            raise PolicyForbidden
        if etag and etag != before.etag:
            raise EtagMismatch
        after = replace(policy, revision=before.revision)
        if after != before:
            after = replace(policy, revision=before.revision + 1)
            values = {
                "queue_policy": policy_to_pb(policy, project_id).SerializeToString(deterministic=True),
                "queue_policy_revision": after.revision,
            }
            await conn.execute(update(tables.projects).where(_p.uid == project.uid).values(values))
    moved = 0
    async for uids in _parts(db, project):
        async with db.begin() as conn:
            # A policy that came meanwhile counts for all that is still to be routed.
            now = await projects.get(conn, tenant, project_id)
            moved += await placing.place(conn, now, uids)
    return after, moved


async def _parts(db: Database, project: Project) -> AsyncIterator[list[str]]:
    """Uids of the project's tasks that are not done, in parts."""
    for state in (TaskState.WAITING, TaskState.OPEN):
        after: tuple[float, str] | None = None
        while True:
            query = select(_t.rank, _t.uid).where(_t.project_uid == project.uid, _t.state == state)
            if after is not None:
                query = query.where((_t.rank > after[0]) | ((_t.rank == after[0]) & (_t.uid > after[1])))
            async with db.read() as conn:
                rows = (await conn.execute(query.order_by(_t.rank, _t.uid).limit(_PART))).all()
            if rows:
                yield [row.uid for row in rows]
            if len(rows) < _PART:
                break
            after = (rows[-1].rank, rows[-1].uid)
