"""SQL room: where a project's tasks stand, and the audits of what was accepted unseen."""

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue import tables as shared
from review_queue.assurance import tables
from review_queue.assurance.anytime import Stratum
from review_queue.assurance.certificate import Counts
from review_queue.assurance.fitting import frontier
from review_queue.project import Project
from review_queue.review import Decision, TaskState

_t, _d = shared.tasks.c, tables.draws.c


async def counts(conn: AsyncConnection, project: Project) -> Counts:
    """Every task of the project in one of its places."""
    done, audit = _t.state == TaskState.DONE, _t.audit > 0
    place: ColumnElement[str] = case(
        (_t.decision == Decision.REJECT.value, "rejected"),
        (_t.decision == Decision.AUTO_ACCEPT.value, "auto_accepted"),
        (done & audit, "audited"),
        (done, "reviewed"),
        (audit, "audits_waiting"),
        else_="deferred",
    )
    found = await conn.execute(
        select(place, func.count()).where(_t.project_uid == project.uid).group_by(place)
    )
    return Counts(**{row[0]: row[1] for row in found})


async def strata(conn: AsyncConnection, project: Project) -> list[Stratum]:
    """What was accepted unseen and the audits of its like, by the rate at which it was audited.

    Only what was drawn before the first task of the random sample that still waits counts as sample.
    """
    first, _ = await frontier(conn, project)
    counted = _d.wrong.is_not(None) & ((_d.asset_uid < first) if first else (_d.asset_uid != ""))
    accepted = (_d.audit == 0) & (_t.decision == Decision.AUTO_ACCEPT.value) & (_t.label_uid == _d.label_uid)
    query = (
        select(
            _d.audit_rate,
            func.sum(case((accepted, 1), else_=0)),
            func.sum(case((counted, _d.wrong), else_=0)),
            func.sum(case((counted, 1), else_=0)),
        )
        .join(shared.tasks, _t.uid == _d.asset_uid)
        .where(_d.project_uid == project.uid)
        .group_by(_d.audit_rate)
        .order_by(_d.audit_rate)
    )
    return [Stratum(int(size), int(k), int(n)) for _, size, k, n in await conn.execute(query)]
