"""SQL room: how many tasks of a project are in each state.

The stored states are counted by triggers as they change, so that nobody counts rows; a lease ends without anything
being written, so live ones are counted by their index, which holds as many rows as people are at work.
"""

from dataclasses import dataclass

from sqlalchemy import and_, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import tables
from review_queue.project import Project
from review_queue.review import TaskState

_t, _n = tables.tasks.c, tables.task_counts.c


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a project by state; those with an expired lease are open."""

    waiting: int
    open: int
    leased: int
    done: int


async def count(conn: AsyncConnection, project: Project, now_us: int) -> Counts:
    """Count all tasks of the project by state."""
    kept = select(*(func.coalesce(func.sum(column), 0) for column in (_n.waiting, _n.open, _n.done)))
    waiting, opened, done = (await conn.execute(kept.where(_n.project_uid == project.uid))).one()
    # The literal lets the planner see that the index of leased tasks holds them all.
    live = and_(_t.project_uid == project.uid, _t.state == TaskState.OPEN, _t.lease_expire_us > now_us)
    leased = await conn.execute(select(func.count()).where(live, _t.lease_expire_us > literal_column("0")))
    held: int = leased.scalar_one()
    return Counts(int(waiting), int(opened) - held, held, int(done))
