"""SQL room: which tasks a person may take.

Conditions on rows of `tasks`, cheap ones first: a lease walks down the queue until one holds.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from labels.label import LabelKind
from review_queue import tables
from review_queue.conditions import pool as pool_of
from review_queue.errors import PoolForbidden
from review_queue.project import Project
from review_queue.routing.tables import engagements

_t, _e = tables.tasks.c, engagements.c


def in_pools(project: Project, reviewer: str, pool: str) -> list[ColumnElement[bool]]:
    """That the task is in the pool, or in one that the reviewer may take from. Raises PoolForbidden."""
    forbidden = project.routing.forbidden(reviewer)
    if pool:
        if pool in forbidden:
            raise PoolForbidden
        return [_t.lane == pool if pool in project.routing.closed_pools else pool_of() == pool]
    if not forbidden:
        return []
    if len(forbidden) == len(project.routing.closed_pools):
        return [_t.lane == ""]
    return [_t.lane.not_in(forbidden)]


def for_reviewer(project: Project, reviewer: str, now_us: int) -> list[ColumnElement[bool]]:
    """That nothing else keeps the reviewer from the task."""
    mine = _t.sent_to == reviewer
    found: list[ColumnElement[bool]] = [or_(_t.sent_to == "", mine, _t.sent_until_us <= now_us)]
    if project.routing.four_eyes:
        checked = and_(_t.stage > 0, _t.answered_by == reviewer)
        authored = and_(_t.label_kind.in_([LabelKind.DEFAULT, LabelKind.REVIEW]), _t.author == reviewer)
        found.append(or_(mine, and_(~checked, ~authored)))
    # As a value and not as NOT EXISTS, which a planner may turn into a join that sorts the queue.
    engaged = (
        select(literal(1))
        .where(_e.task_uid == _t.uid, _e.reviewer == reviewer, or_(_e.answered == 1, _e.until_us > now_us))
        .correlate(tables.tasks)
        .scalar_subquery()
    )
    return [*found, func.coalesce(engaged, 0) == 0]


def overdue(project: Project, reviewer: str, now_us: int) -> Sequence[ColumnElement[bool]] | None:
    """That the task is overdue and the reviewer may take it for that; None when no task ever is."""
    before = project.routing.overdue_before_us(now_us)
    if not before:
        return None
    members = {p.name: p.members for p in project.routing.pools}.get(project.routing.sla_pool, frozenset())
    anywhere = reviewer in members
    return [_t.create_time_us < before, *([] if anywhere else in_pools(project, reviewer, ""))]
