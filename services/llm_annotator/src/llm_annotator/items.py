"""SQL room: the items of runs: claimed by workers, ended by results, listed for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.label.v1.asset_pb2 import Asset
from labels.label import Label, derive_uid
from labels.names import run_name
from labels.proto import label_to_pb
from llm_annotator import runs
from llm_annotator.run import Item, ItemReport, ItemState, Job, RunState
from llm_annotator.tables import assets, items, workers
from llm_annotator.tables import runs as runs_table

Event = tuple[PredictionCreated | PredictionFailed, str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """How an item ended: with a label (without uid and asset), or with a reason and a sentence."""

    job: Job
    item: Item
    label: Label | None = None
    reason: str = ""
    message: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


async def claim(conn: AsyncConnection, job: Job, worker_uid: str, limit: int) -> list[Item] | None:
    """The next items nobody works on, in import order, now this worker's; None when the run does not run."""
    state = await conn.scalar(select(runs_table.c.state).where(runs_table.c.run_uid == job.run_uid))
    if state != RunState.RUNNING:
        return None
    here = items.c.run_uid == job.run_uid
    asset = and_(assets.c.project_uid == job.project_uid, assets.c.position == items.c.position)
    query = (
        select(items.c.position, assets.c.asset_uid, assets.c.body)
        .join(assets, asset)
        .where(here, items.c.state == ItemState.PENDING, items.c.claimed_by == "")
        .order_by(items.c.position)
        .limit(limit)
        .with_for_update(of=items, skip_locked=True)
    )
    found = [Item(row.position, row.asset_uid, row.body) for row in await conn.execute(query)]
    if found:
        mine = and_(here, items.c.position.in_([item.position for item in found]))
        await conn.execute(update(items).where(mine).values(claimed_by=worker_uid))
    return found


async def release(conn: AsyncConnection, job: Job, worker_uid: str, claimed: Iterable[Item]) -> None:
    """Give items back untried."""
    mine = and_(
        items.c.run_uid == job.run_uid,
        items.c.position.in_([item.position for item in claimed]),
        items.c.claimed_by == worker_uid,
    )
    await conn.execute(update(items).where(mine).values(claimed_by=""))


async def sign_of_life(database: Database, worker_uid: str, dead_after_seconds: float) -> None:
    """Say that this worker lives, and free what workers hold that have not said so for some time.

    Nobody else works on an SQLite file, so there every other worker is a dead one.
    """
    now = now_us()
    async with database.begin() as conn:
        await conn.execute(insert_ignore(conn, workers).values(worker_uid=worker_uid, seen_time_us=now))
        mine = workers.c.worker_uid == worker_uid
        await conn.execute(update(workers).where(mine).values(seen_time_us=now))
        patience_us = 0 if database.dialect == "sqlite" else int(dead_after_seconds * 1_000_000)
        dead = select(workers.c.worker_uid).where(~mine, workers.c.seen_time_us < now - patience_us)
        uids = (await conn.execute(dead.with_for_update(skip_locked=True))).scalars().all()
        await bury(conn, uids)


async def bury(conn: AsyncConnection, worker_uids: Sequence[str]) -> None:
    """Free what the workers hold and forget them."""
    if worker_uids:
        await conn.execute(update(items).where(items.c.claimed_by.in_(worker_uids)).values(claimed_by=""))
        await conn.execute(delete(workers).where(workers.c.worker_uid.in_(worker_uids)))


async def finish(conn: AsyncConnection, worker_uid: str, results: Sequence[Result]) -> None:
    """Store how items ended with their events and the runs' counts, in one transaction.

    Items that are no longer this worker's (labelled by a person meanwhile, or taken over after a standstill)
    are left alone, so no item ends twice.
    """
    events: list[Event] = []
    for run_uid, group in groupby(sorted(results, key=lambda r: r.job.run_uid), key=lambda r: r.job.run_uid):
        mine = await _end(conn, run_uid, worker_uid, list(group))
        events += [_event(result) for result in mine]
        await _count(conn, run_uid, mine)
    await outbox.add_many(conn, events)


async def _end(
    conn: AsyncConnection, run_uid: str, worker_uid: str, results: Sequence[Result]
) -> list[Result]:
    """Set the items' states, one statement for each way of ending; returns the results that counted."""
    ended: list[Result] = []
    by_way: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_way.setdefault((result.reason, result.message), []).append(result)
    for (reason, message), same in by_way.items():
        mine = and_(
            items.c.run_uid == run_uid,
            items.c.position.in_([result.item.position for result in same]),
            items.c.state == ItemState.PENDING,
            items.c.claimed_by == worker_uid,
        )
        state = ItemState.FAILED if reason else ItemState.SUCCEEDED
        change = (
            update(items)
            .where(mine)
            .values(state=state, claimed_by="", error_reason=reason, error_message=message)
        )
        taken = set((await conn.execute(change.returning(items.c.position))).scalars())
        ended += [result for result in same if result.item.position in taken]
    return ended


async def _count(conn: AsyncConnection, run_uid: str, results: Sequence[Result]) -> None:
    table = runs_table.c
    failed = sum(bool(result.reason) for result in results)
    counts = {
        "succeeded": table.succeeded + len(results) - failed,
        "failed": table.failed + failed,
        "prompt_tokens": table.prompt_tokens + sum(result.prompt_tokens for result in results),
        "completion_tokens": table.completion_tokens + sum(result.completion_tokens for result in results),
    }
    await conn.execute(update(runs_table).where(table.run_uid == run_uid).values(**counts))
    await runs.end_finished(conn, [run_uid])


def _event(result: Result) -> Event:
    """The event of an ended item; its id is the same however often the item ends that way."""
    job, uid = result.job, result.item.asset_uid
    asset = Asset.FromString(result.item.body)
    if result.label is None:
        name = run_name(job.project_id, job.run_uid)
        failure = PredictionFailed(
            asset=asset, prediction_run=name, reason=result.reason, message=result.message
        )
        return failure, job.project_uid, f"failed:{job.run_uid}:{uid}"
    label = replace(result.label, uid=derive_uid(job.run_uid, uid), asset_uid=uid, create_time_us=now_us())
    created = PredictionCreated(asset=asset, label=label_to_pb(label, job.project_id))
    return created, job.project_uid, f"created:{job.run_uid}:{uid}"


async def page(
    conn: AsyncConnection,
    project_uid: str,
    run_uid: str,
    state: ItemState | None,
    limit: int,
    after: int | None,
) -> list[ItemReport]:
    """The run's items in import order, those in that state, behind a position."""
    asset = and_(assets.c.project_uid == project_uid, assets.c.position == items.c.position)
    query = select(items, assets.c.asset_uid, assets.c.key).join(assets, asset)
    query = query.where(items.c.run_uid == run_uid).order_by(items.c.position).limit(limit)
    if state is not None:
        query = query.where(items.c.state == state)
    if after is not None:
        query = query.where(items.c.position > after)
    return [_report(row) for row in await conn.execute(query)]


def _report(row: Any) -> ItemReport:
    return ItemReport(
        row.asset_uid, row.key, ItemState(row.state), row.error_reason, row.error_message, row.position
    )
