"""SQL room: which tasks a person may take.

Conditions on rows of `tasks`, cheap ones first: a lease walks down the queue until one holds. They name parameters and
hold no values of their own, so that a statement with them is built and prepared once: `taker` is the reviewer, `at_us`
the time in microseconds since the epoch, as is `overdue_before_us`.
"""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select

from labels.label import LabelKind
from review_queue import tables
from review_queue.conditions import pool as pool_of
from review_queue.errors import PoolForbidden
from review_queue.project import Project
from review_queue.routing.tables import engagements

_t, _e = tables.tasks.c, engagements.c


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a reviewer takes tasks from: that pool alone (empty: any), not in those lanes; `late` tasks alone.

    `lanes` is the number of lanes that the project has.
    """

    pool: str
    own_lane: bool
    forbidden: tuple[str, ...]
    lanes: int
    four_eyes: bool
    late: bool = False


def reach(project: Project, reviewer: str, pool: str) -> Reach:
    """Where the reviewer takes tasks from who asked for that pool's. Raises PoolForbidden."""
    policy = project.routing
    forbidden = policy.forbidden(reviewer)
    if pool in forbidden:
        raise PoolForbidden
    closed = policy.closed_pools
    return Reach(pool, pool in closed, () if pool else forbidden, len(closed), policy.four_eyes)


def overdue(project: Project, reviewer: str, reach: Reach) -> Reach | None:
    """The same for tasks that are overdue, which some may take from any pool; None when no task ever is."""
    policy = project.routing
    if not policy.sla_hours:
        return None
    members = {p.name: p.members for p in policy.pools}.get(policy.sla_pool, frozenset())
    forbidden = () if reviewer in members else policy.forbidden(reviewer)
    return replace(reach, forbidden=forbidden, late=True)


def within(reach: Reach) -> list[ColumnElement[bool]]:
    """That the task is within reach, and that nothing else keeps the reviewer from it."""
    found: list[ColumnElement[bool]] = []
    if reach.late:
        found.append(_t.create_time_us < bindparam("overdue_before_us"))
    if reach.pool:
        found.append(_t.lane == reach.pool if reach.own_lane else pool_of() == reach.pool)
    if reach.forbidden and len(reach.forbidden) == reach.lanes:
        found.append(_t.lane == "")
    elif reach.forbidden:
        found.append(_t.lane.not_in(reach.forbidden))
    return [*found, *_free_for(bindparam("taker"), bindparam("at_us"), four_eyes=reach.four_eyes)]


def _free_for(
    reviewer: ColumnElement[str], at_us: ColumnElement[int], *, four_eyes: bool
) -> list[ColumnElement[bool]]:
    mine = _t.sent_to == reviewer
    found: list[ColumnElement[bool]] = [or_(_t.sent_to == "", mine, _t.sent_until_us <= at_us)]
    if four_eyes:
        checked = and_(_t.stage > 0, _t.answered_by == reviewer)
        authored = and_(_t.label_kind.in_([LabelKind.DEFAULT, LabelKind.REVIEW]), _t.author == reviewer)
        found.append(or_(mine, and_(~checked, ~authored)))
    # As a value and not as NOT EXISTS, which a planner may turn into a join that sorts the queue.
    engaged = (
        select(literal(1))
        .where(_e.task_uid == _t.uid, _e.reviewer == reviewer, or_(_e.answered == 1, _e.until_us > at_us))
        .correlate(tables.tasks)
        .scalar_subquery()
    )
    return [*found, func.coalesce(engaged, 0) == 0]
