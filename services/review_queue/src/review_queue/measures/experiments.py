"""SQL room: the policy of holding assistance back, and what an experiment showed."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from labels.label import LabelKind
from review_queue import projects, tables
from review_queue.errors import EtagMismatch
from review_queue.measures import rollup
from review_queue.measures.facts import Grain, add_up
from review_queue.measures.holdout import Arm, HoldOut, check_share, held_out
from review_queue.measures.lift import Lift, lift
from review_queue.measures.tables import review_sums, time_bins
from review_queue.measures.totals import CELL_FIELDS, REVIEW_FIELDS, Totals, from_sums
from review_queue.project import Project

_t, _p = tables.tasks.c, tables.projects.c


async def set_share(db: Database, tenant: str, project_id: str, share: float, etag: str) -> HoldOut:
    """Hold that share of predictions back from now on; a change begins a new experiment.

    `etag` is that of the policy that is changed, empty for whichever it is. Raises HoldOutInvalid, ProjectNotFound or
    EtagMismatch.
    """
    check_share(share)
    async with db.begin() as conn:
        project = await projects.get(conn, tenant, project_id, lock=True)
        before = project.holdout
        if etag and etag != before.etag:
            raise EtagMismatch
        if share == before.share:
            return before
        after = replace(
            before,
            share=share,
            # Kept over all experiments: who was drawn for a small share is drawn for a larger one.
            secret=before.secret or secrets.token_hex(16),
            experiment=before.experiment + 1,
            time_us=now_us(),
        )
        await conn.execute(
            update(tables.projects)
            .where(_p.uid == project.uid)
            .values(
                holdout_share=after.share,
                holdout_secret=after.secret,
                holdout_experiment=after.experiment,
                holdout_time_us=after.time_us,
            )
        )
    return after


async def hide(conn: AsyncConnection, project: Project, uids: Sequence[str]) -> bool:
    """Take the prediction from those newly leased tasks that are drawn; whether any is.

    A person's label is never held back.
    """
    drawn = [uid for uid in uids if held_out(project.holdout, uid)]
    if drawn:
        await conn.execute(
            update(tables.tasks)
            .where(_t.uid.in_(drawn), _t.leased_label_uid != "", _t.label_kind == LabelKind.PREDICTION.value)
            .values(hidden_label_uid=_t.leased_label_uid, leased_label_uid="")
        )
    return bool(drawn)


async def report(conn: AsyncConnection, project: Project, experiment: int, target: float) -> Lift:
    """What the experiment showed so far. Raises SumsBehind."""
    rest = add_up(
        [facts for facts in await rollup.tail(conn, project.uid) if facts.experiment == experiment],
        (Grain.ALL,),
    )
    totals = {arm: Totals() for arm in (Arm.ASSISTED, Arm.HELD_OUT)}
    bins: dict[Arm, dict[int, int]] = {arm: {} for arm in totals}
    for arm in totals:
        totals[arm] = await _totals(conn, project, experiment, arm)
        bins[arm] = await _bins(conn, project, experiment, arm)
        for slot, added in rest.reviews.items():
            if slot.arm == arm:
                totals[arm] += added
        for (slot, index), n in rest.bins.items():
            if slot.arm == arm:
                bins[arm][index] = bins[arm].get(index, 0) + n
    return lift(totals[Arm.ASSISTED], totals[Arm.HELD_OUT], bins[Arm.ASSISTED], bins[Arm.HELD_OUT], target)


async def _totals(conn: AsyncConnection, project: Project, experiment: int, arm: Arm) -> Totals:
    c = review_sums.c
    query = select(*(func.sum(c[name]).label(name) for name in REVIEW_FIELDS + CELL_FIELDS)).where(
        c.project_uid == project.uid, c.grain == Grain.ALL, c.arm == arm, c.experiment == experiment
    )
    return from_sums((await conn.execute(query)).one()._asdict())


async def _bins(conn: AsyncConnection, project: Project, experiment: int, arm: Arm) -> dict[int, int]:
    c = time_bins.c
    query = (
        select(c.bin, func.sum(c.n))
        .where(c.project_uid == project.uid, c.grain == Grain.ALL, c.arm == arm, c.experiment == experiment)
        .group_by(c.bin)
    )
    return {index: int(n) for index, n in await conn.execute(query)}
