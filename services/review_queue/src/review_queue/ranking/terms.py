"""SQL room: the columns of a task that its priority is computed from."""

from typing import Any

from sqlalchemy import Row

from review_queue import tables
from review_queue.priority import Terms

_t = tables.tasks.c
COLUMNS = (
    _t.uncertainty,
    _t.severity,
    _t.create_time_us,
    _t.boost,
    _t.disagreement,
    _t.business,
    _t.novelty,
)


def terms_of(row: Row[*tuple[Any, ...]]) -> Terms:
    """The terms of a row that has those columns; a novelty that is not known counts as 0."""
    return Terms(
        uncertainty=row.uncertainty,
        severity=row.severity,
        create_time_us=row.create_time_us,
        boost=row.boost,
        disagreement=row.disagreement,
        business=row.business,
        novelty=row.novelty or 0.0,
    )
