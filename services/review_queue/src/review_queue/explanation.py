"""SQL room: why a task stands where it stands in the queue."""

from dataclasses import dataclass

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import tables
from review_queue.conditions import shown_state
from review_queue.errors import TaskNotFound
from review_queue.priority import Term, terms_of, total
from review_queue.project import Project
from review_queue.ranking import terms
from review_queue.review import TaskState

MAX_AHEAD = 10_000
_t = tables.tasks.c


@dataclass(frozen=True, slots=True)
class Explanation:
    """A task's priority at `time_us`, microseconds since the epoch, term by term.

    `rank` is the stored number that orders the queue, lowest first. `ahead` is how many open tasks that nobody has
    leased come before it, at most 10,000; 0 for a task that is not open.
    """

    state: TaskState
    terms: tuple[Term, ...]
    rank: float
    ahead: int
    time_us: int

    @property
    def priority(self) -> float:
        """The sum of the terms' contributions."""
        return total(self.terms)


async def explain(conn: AsyncConnection, project: Project, uid: str, now_us: int) -> Explanation:
    """Explain the task's place as of now; raises TaskNotFound."""
    query = select(shown_state(now_us).label("shown"), *terms.COLUMNS, _t.rank)
    row = (await conn.execute(query.where(_t.uid == uid, _t.project_uid == project.uid))).one_or_none()
    if row is None:
        raise TaskNotFound
    summands = terms_of(terms.terms_of(row), project.definition.weights, now_us)
    state = TaskState(row.shown)
    ahead = await _ahead(conn, project, row.rank, uid, now_us) if state is TaskState.OPEN else 0
    return Explanation(state, summands, row.rank, ahead, now_us)


async def _ahead(conn: AsyncConnection, project: Project, rank: float, uid: str, now_us: int) -> int:
    before = (
        select(_t.uid)
        .where(_t.project_uid == project.uid, _t.state == TaskState.OPEN, _t.lease_expire_us <= now_us)
        .where(tuple_(_t.rank, _t.uid) < tuple_(literal(rank), literal(uid)))
        .limit(MAX_AHEAD)
    )
    return (await conn.execute(select(func.count()).select_from(before.subquery()))).scalar_one()
