"""SQL room: answers to gold that was handed out as a test, see assurance/honeypots.py.

They are no reviews, as they change no label, and each reviewer is tested with an asset once, so there are few of them
and they are counted where they stand.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue.assurance.tables import honeypots
from review_queue.measures.facts import HOUR_US, Grain
from review_queue.measures.question import Group, Question
from review_queue.measures.values import Metric
from review_queue.project import Project

_h = honeypots.c


async def tests(conn: AsyncConnection, project: Project, question: Question) -> Sequence[Any]:
    """Rows of (start, reviewer, gold, gold_right) by hour, as far as they are part of the answer.

    Nothing by source: a test says something about its reviewer alone.
    """
    if Metric.GOLD_ACCURACY not in question.metrics or question.run_uid:
        return ()
    if question.group not in (Group.NONE, Group.REVIEWER):
        return ()
    start = (_h.create_time_us // HOUR_US).label("start")
    query = (
        select(start, _h.reviewer, func.count().label("gold"), func.sum(_h.passed).label("gold_right"))
        .where(_h.project_uid == project.uid, _h.passed.is_not(None))
        .group_by(start, _h.reviewer)
    )
    if question.reviewer:
        query = query.where(_h.reviewer == question.reviewer)
    stretches = list(question.stretches())
    if stretches[0].grain is not Grain.ALL:
        first, end = stretches[0].first * HOUR_US, stretches[-1].end * HOUR_US
        query = query.where(_h.create_time_us >= first, _h.create_time_us < end)
    return (await conn.execute(query)).all()
