"""SQL room: the pictures of runs: claimed by workers, ended with their events, listed for people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, and_, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.label.v1.asset_pb2 import Asset as AssetPb
from labelmesh.label.v1.label_pb2 import Label as LabelPb
from labels.label import Label, derive_uid
from labels.names import run_name
from labels.proto import annotation_from_pb, asset_from_pb, asset_to_pb, label_to_pb
from sam_segmenter.batch.projects import read_ontology
from sam_segmenter.batch.run import Failure, ItemState, Job, Mode, RunState, config_from_json
from sam_segmenter.tables import assets, items, projects, runs

_FREE = {"claimed_by": "", "claim_until_us": 0}
_FRESH = {
    **_FREE,
    "state": ItemState.PENDING,
    "tries": 0,
    "masks": 0,
    "error_reason": "",
    "error_message": "",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a picture ended: with a label, or with a reason in UPPER_SNAKE and a sentence."""

    label: Label | None = None
    reason: str = ""
    message: str = ""


async def add(conn: AsyncConnection, project_uid: str, run_uid: str, mode: Mode, first_position: int) -> None:
    """List the project's pictures from that position on that no person has reviewed, and count them."""
    wanted = and_(
        assets.c.project_uid == project_uid, assets.c.position >= first_position, assets.c.reviewed.is_(False)
    )
    source = literal("") if mode is Mode.AUTOMATIC else assets.c.boxes_uid
    if mode is Mode.BOXES:
        wanted &= assets.c.boxes_uid != ""
    fresh = {name: literal(int(value) if isinstance(value, int) else value) for name, value in _FRESH.items()}
    chosen = select(literal(run_uid), assets.c.position, source, *fresh.values()).where(wanted)
    names = ["run_uid", "position", "source", *fresh]
    added = (await conn.execute(items.insert().from_select(names, chosen))).rowcount
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(total=runs.c.total + added))


async def put(conn: AsyncConnection, run_uid: str, position: int, source: str) -> None:
    """List a picture, or list it again when its boxes are of another label than those before."""
    here = and_(items.c.run_uid == run_uid, items.c.position == position)
    row = (await conn.execute(select(items).where(here).with_for_update())).one_or_none()
    counts: dict[str, Any] = {}
    if row is None:
        key = {"run_uid": run_uid, "position": position, "source": source}
        await conn.execute(items.insert().values(**key, **_FRESH))
        counts = {"total": runs.c.total + 1}
    elif row.source != source:
        # Whoever works on the boxes before loses the claim, and so the right to end the item.
        await conn.execute(update(items).where(here).values(source=source, **_FRESH))
        counts = {
            "succeeded": runs.c.succeeded - int(row.state == ItemState.SUCCEEDED),
            "failed": runs.c.failed - int(row.state == ItemState.FAILED),
            "masks": runs.c.masks - row.masks,
        }
    if counts:
        await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**counts))


async def forget(conn: AsyncConnection, project_uid: str, position: int) -> None:
    """Take a picture that a person has answered for out of the runs that have not ended it yet."""
    mine = select(runs.c.run_uid).where(runs.c.project_uid == project_uid, runs.c.state != RunState.DONE)
    gone = delete(items).where(
        items.c.run_uid.in_(mine), items.c.position == position, items.c.state == ItemState.PENDING
    )
    rows = (await conn.execute(gone.returning(items.c.run_uid))).scalars().all()
    if rows:
        await conn.execute(update(runs).where(runs.c.run_uid.in_(rows)).values(total=runs.c.total - 1))
        await end_finished(conn, rows)


async def end_finished(conn: AsyncConnection, run_uids: Sequence[str]) -> None:
    """End those of the runs that have no picture left to try."""
    finished = and_(
        runs.c.run_uid.in_(run_uids),
        runs.c.state == RunState.RUNNING,
        runs.c.total <= runs.c.succeeded + runs.c.failed,
    )
    await conn.execute(update(runs).where(finished).values(state=RunState.DONE, end_time_us=now_us()))


async def claim(conn: AsyncConnection, run_uid: str, worker_uid: str, lease_us: int) -> Job | None:
    """The next picture of the run that nobody works on, in import order, this worker's for that long."""
    now = now_us()
    free = and_(items.c.run_uid == run_uid, items.c.state == ItemState.PENDING, items.c.claim_until_us < now)
    query = select(items.c.position).where(free).order_by(items.c.position).limit(1)
    position = await conn.scalar(query.with_for_update(skip_locked=True))
    if position is None:
        return None
    here = and_(items.c.run_uid == run_uid, items.c.position == position)
    mine = {"claimed_by": worker_uid, "claim_until_us": now + lease_us, "tries": items.c.tries + 1}
    await conn.execute(update(items).where(here).values(**mine))
    asset = and_(assets.c.project_uid == runs.c.project_uid, assets.c.position == items.c.position)
    whole = (
        select(items, runs.c.config, projects, assets.c.body, assets.c.boxes)
        .join(runs, runs.c.run_uid == items.c.run_uid)
        .join(projects, projects.c.project_uid == runs.c.project_uid)
        .join(assets, asset)
    )
    return _job((await conn.execute(whole.where(here))).one())


def _job(row: Row[Any]) -> Job:
    return Job(
        row.run_uid,
        row.project_uid,
        row.project_id,
        row.tenant,
        config_from_json(row.config),
        read_ontology(row.ontology),
        row.position,
        asset_from_pb(AssetPb.FromString(row.body)),
        tuple(map(annotation_from_pb, LabelPb.FromString(row.boxes).annotations)),
        row.source,
        row.tries,
    )


async def renew(conn: AsyncConnection, worker_uid: str, lease_us: int) -> None:
    """Keep what the worker holds for that long from now."""
    mine = items.c.claimed_by == worker_uid
    await conn.execute(update(items).where(mine).values(claim_until_us=now_us() + lease_us))


async def release(conn: AsyncConnection, job: Job, worker_uid: str, after_us: int) -> None:
    """Give a picture back untried, for whoever comes after that time."""
    values = {"claimed_by": "", "claim_until_us": now_us() + after_us, "tries": items.c.tries - 1}
    await conn.execute(update(items).where(_held(job, worker_uid)).values(**values))


def _held(job: Job, worker_uid: str) -> Any:
    """The job's item, if the claim that the job came from still holds: one worker may have claimed it twice."""
    return and_(
        items.c.run_uid == job.run_uid,
        items.c.position == job.position,
        items.c.state == ItemState.PENDING,
        items.c.claimed_by == worker_uid,
        items.c.source == job.source,
        items.c.tries == job.tries,
    )


async def release_all(conn: AsyncConnection, worker_uid: str) -> None:
    """Give everything back that the worker holds, untried."""
    values = {**_FREE, "tries": items.c.tries - 1}
    await conn.execute(update(items).where(items.c.claimed_by == worker_uid).values(**values))


async def bury(conn: AsyncConnection, worker_uid: str) -> None:
    """Free what others hold: for a database that only this worker uses, when it starts."""
    others = items.c.claimed_by.not_in(("", worker_uid))
    await conn.execute(update(items).where(others).values(**_FREE))


async def finish(conn: AsyncConnection, job: Job, worker_uid: str, outcome: Outcome) -> bool:
    """Store how a picture ended with its event and the run's counts; call it in one transaction.

    False, and nothing is stored, when the picture is no longer this worker's: a person labelled it, its boxes changed,
    or another worker took it over after a standstill. So none ends twice.
    """
    masks = len(outcome.label.annotations) if outcome.label else 0
    state = ItemState.SUCCEEDED if outcome.label else ItemState.FAILED
    values = {
        "state": state,
        "masks": masks,
        "error_reason": outcome.reason,
        "error_message": outcome.message,
    }
    change = update(items).where(_held(job, worker_uid)).values(**values, **_FREE)
    if not (await conn.execute(change)).rowcount:
        return False
    counts = {
        "succeeded": runs.c.succeeded + int(outcome.label is not None),
        "failed": runs.c.failed + int(outcome.label is None),
        "masks": runs.c.masks + masks,
    }
    await conn.execute(update(runs).where(runs.c.run_uid == job.run_uid).values(**counts))
    await end_finished(conn, [job.run_uid])
    await _emit(conn, job, outcome)
    return True


async def _emit(conn: AsyncConnection, job: Job, outcome: Outcome) -> None:
    """Tell how a picture ended; the event's id is the same however often it ends that way."""
    asset = asset_to_pb(job.asset, job.project_id)
    uid = derive_uid(job.run_uid + job.source, job.asset.uid)
    if outcome.label is None:
        run = run_name(job.project_id, job.run_uid)
        failed = PredictionFailed(
            asset=asset, prediction_run=run, reason=outcome.reason, message=outcome.message
        )
        await outbox.add(conn, failed, job.project_uid, msg_id=f"failed:{uid}")
        return
    label = replace(outcome.label, create_time_us=now_us())
    created = PredictionCreated(asset=asset, label=label_to_pb(label, job.project_id))
    await outbox.add(conn, created, job.project_uid, msg_id=f"created:{uid}")


async def failures(
    conn: AsyncConnection, project_uid: str, run_uid: str, limit: int, after: int | None
) -> list[Failure]:
    """The run's pictures that failed, in import order, those behind a position."""
    asset = and_(assets.c.project_uid == project_uid, assets.c.position == items.c.position)
    query = select(items, assets.c.asset_uid).join(assets, asset)
    query = query.where(items.c.run_uid == run_uid, items.c.state == ItemState.FAILED)
    if after is not None:
        query = query.where(items.c.position > after)
    rows = await conn.execute(query.order_by(items.c.position).limit(limit))
    return [Failure(row.asset_uid, row.position, row.error_reason, row.error_message) for row in rows]
