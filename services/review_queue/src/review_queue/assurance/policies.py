"""SQL room: acceptance policies, their stages, and the thresholds in force."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from chassis.ids import new_uid
from review_queue.assurance import tables
from review_queue.assurance.policy import InForce, Policy, Stage, check_policy
from review_queue.assurance.sampling import SECRET_BYTES
from review_queue.assurance.slices import SliceBy
from review_queue.errors import EtagMismatch, PolicyMissing
from review_queue.project import Project

_p, _f, _s = tables.policies.c, tables.fits.c, tables.thresholds.c


@dataclass(frozen=True, slots=True)
class Stored:
    """A project's policy as it is stored.

    `epoch` counts the statements (target, delta, slicing) that thresholds were fitted for, `fits` the fits of the
    present one. Times are microseconds since the epoch.
    """

    policy: Policy
    revision: int
    secret: bytes
    stage: Stage
    stage_reason: str
    stage_time_us: int
    epoch: int
    fits: int
    fit_uid: str


async def find(conn: AsyncConnection, project_uid: str, *, lock: bool = False) -> Stored | None:
    """The project's policy, None without one; `lock` keeps others from changing it until the end."""
    query = select(tables.policies).where(_p.project_uid == project_uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return _stored(row) if row else None


async def get(conn: AsyncConnection, project: Project, *, lock: bool = False) -> Stored:
    """The project's policy; raises PolicyMissing."""
    stored = await find(conn, project.uid, lock=lock)
    if stored is None:
        raise PolicyMissing
    return stored


async def put(conn: AsyncConnection, project: Project, policy: Policy, seen: int, actor: str) -> Stored:
    """Set the project's policy, of which revision `seen` (0: none) was seen.

    A new statement withdraws the thresholds and what rests on them. Raises PolicyInvalid or EtagMismatch.
    """
    check_policy(policy)
    old = await find(conn, project.uid, lock=True)
    if (old.revision if old else 0) != seen:
        raise EtagMismatch("The policy is not the one that was seen; look at it again.")
    if old is None:
        await _create(conn, project, policy, actor)
        return await get(conn, project)
    values = _values(policy) | {"revision": old.revision + 1}
    if policy.statement != old.policy.statement:
        values |= {"epoch": old.epoch + 1, "fits": 0, "fit_uid": ""}
    await conn.execute(update(tables.policies).where(_p.project_uid == project.uid).values(values))
    if policy.statement != old.policy.statement and old.stage is not Stage.ASSISTED:
        await set_stage(conn, project.uid, Stage.ASSISTED, "The policy promises something else now.", actor)
    return await get(conn, project)


async def _create(conn: AsyncConnection, project: Project, policy: Policy, actor: str) -> None:
    values = _values(policy) | {
        "project_uid": project.uid,
        "revision": 1,
        "secret": secrets.token_bytes(SECRET_BYTES),
        "stage": Stage.ASSISTED.value,
        "stage_reason": "",
        "stage_time_us": 0,
        "stage_actor": actor,
        "epoch": 1,
        "fits": 0,
        "fit_uid": "",
    }
    made = await conn.execute(insert_ignore(conn, tables.policies).values(values))
    if not made.rowcount:
        raise EtagMismatch("The policy is not the one that was seen; look at it again.")
    await set_stage(conn, project.uid, Stage.ASSISTED, "Every project begins here.", actor)


async def set_stage(conn: AsyncConnection, project_uid: str, stage: Stage, reason: str, actor: str) -> None:
    """Put the project in a stage from now on, and remember why."""
    now = now_us()
    values = {"stage": stage.value, "stage_reason": reason, "stage_time_us": now, "stage_actor": actor}
    await conn.execute(update(tables.policies).where(_p.project_uid == project_uid).values(values))
    entry = {"uid": new_uid(), "project_uid": project_uid, "create_time_us": now}
    entry |= {"stage": stage.value, "reason": reason, "actor": actor}
    await conn.execute(insert(tables.stages).values(entry))


async def demote(conn: AsyncConnection, project_uid: str, reason: str, actor: str) -> None:
    """Back to the first stage, without thresholds: nothing more is accepted unseen."""
    await conn.execute(update(tables.policies).where(_p.project_uid == project_uid).values(fit_uid=""))
    await set_stage(conn, project_uid, Stage.ASSISTED, reason, actor)


async def in_force(conn: AsyncConnection, project_uids: Iterable[str]) -> dict[str, InForce]:
    """Those of the projects that have a policy, as it acts now and until the end of the transaction.

    Who holds tasks holds them before; so a demotion waits for what is being accepted, and nothing comes after it.
    """
    rows = (
        await conn.execute(
            select(tables.policies, _f.run_uid)
            .outerjoin(tables.fits, _f.uid == _p.fit_uid)
            .where(_p.project_uid.in_(sorted(set(project_uids))))
            .order_by(_p.project_uid)
            .with_for_update(read=True, of=tables.policies)
        )
    ).all()
    thresholds: dict[str, dict[str, float]] = {row.fit_uid: {} for row in rows if row.fit_uid}
    if thresholds:
        query = select(_s.fit_uid, _s.slice, _s.threshold).where(_s.fit_uid.in_(sorted(thresholds)))
        for fit_uid, name, threshold in await conn.execute(query.where(_s.threshold.is_not(None))):
            thresholds[fit_uid][name] = threshold
    return {
        row.project_uid: InForce(
            policy=_policy(row),
            secret=bytes(row.secret),
            stage=Stage(row.stage),
            fit_uid=row.fit_uid,
            run_uid=row.run_uid or "",
            thresholds=thresholds.get(row.fit_uid, {}),
        )
        for row in rows
    }


def _values(policy: Policy) -> dict[str, Any]:
    return {
        "target_error": policy.target_error,
        "delta": policy.delta,
        "slice_by": policy.slice_by.value,
        "audit_rate": policy.audit_rate,
        "mixed_audit_rate": policy.mixed_audit_rate,
        "n_min": policy.n_min,
        "check_share": policy.check_share,
        "export_auto_accepted": int(policy.export_auto_accepted),
    }


def _policy(row: Row[*tuple[Any, ...]]) -> Policy:
    return Policy(
        target_error=row.target_error,
        delta=row.delta,
        slice_by=SliceBy(row.slice_by),
        audit_rate=row.audit_rate,
        mixed_audit_rate=row.mixed_audit_rate,
        n_min=row.n_min,
        check_share=row.check_share,
        export_auto_accepted=bool(row.export_auto_accepted),
    )


def _stored(row: Row[*tuple[Any, ...]]) -> Stored:
    return Stored(
        policy=_policy(row),
        revision=row.revision,
        secret=bytes(row.secret),
        stage=Stage(row.stage),
        stage_reason=row.stage_reason,
        stage_time_us=row.stage_time_us,
        epoch=row.epoch,
        fits=row.fits,
        fit_uid=row.fit_uid,
    )
