"""SQL room: segmentation runs, from request to end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.ids import new_uid
from sam_segmenter.batch import items, projects
from sam_segmenter.batch.projects import Project
from sam_segmenter.batch.run import Mode, Run, RunConfig, RunState, config_from_json, config_to_json, target
from sam_segmenter.errors import (
    AssetsMissing,
    ProjectNotFound,
    RequestIdReused,
    RunNotCancellable,
    RunNotFound,
    RunNotResumable,
)
from sam_segmenter.tables import runs


async def create(
    conn: AsyncConnection, project: Project, config: RunConfig, minimum: int, request_id: str, model: str
) -> Run:
    """The run of that request id, made now if it is new.

    Raises RequestIdReused when the id stands for another request, NoImageTool or AssetsMissing.
    """
    held = await projects.locked(conn, project.uid)
    if held is None:
        raise ProjectNotFound
    query = select(runs).where(
        runs.c.project_uid == held.uid, runs.c.standing == "", runs.c.request_id == request_id
    )
    row = (await conn.execute(query)).one_or_none()
    if row is not None:
        if (row.config, row.minimum_asset_count) != (config_to_json(config), minimum):
            raise RequestIdReused
        return _run(row)
    target(config, held.ontology)
    if held.asset_count < minimum:
        raise AssetsMissing
    run_uid = await _insert(conn, held, config, model, minimum=minimum, request_id=request_id)
    await items.add(conn, held.uid, run_uid, config.mode, first_position=0)
    await items.end_finished(conn, [run_uid])
    return await get(conn, held.uid, run_uid)


async def _insert(
    conn: AsyncConnection,
    project: Project,
    config: RunConfig,
    model: str,
    *,
    minimum: int = 0,
    request_id: str = "",
    standing: str = "",
) -> str:
    run_uid = new_uid()
    values = {
        "run_uid": run_uid,
        "project_uid": project.uid,
        "standing": standing,
        "request_id": request_id,
        "config": config_to_json(config),
        "minimum_asset_count": minimum,
        "state": RunState.RUNNING,
        "model": model,
        "create_time_us": now_us(),
        "end_time_us": 0,
    }
    await conn.execute(runs.insert().values(**values, total=0, succeeded=0, failed=0, masks=0))
    return run_uid


async def pictures_arrived(conn: AsyncConnection, project: Project, first_position: int, model: str) -> None:
    """Give pictures to the project's standing run over them. `project` must be locked."""
    run_uid = await _standing(conn, project, Mode.AUTOMATIC, model)
    await items.add(conn, project.uid, run_uid, Mode.AUTOMATIC, first_position)
    await _reopen(conn, run_uid)


async def boxes_arrived(
    conn: AsyncConnection, project: Project, position: int, source: str, model: str
) -> None:
    """Give a picture with boxes to the project's standing run over those. `project` must be locked."""
    run_uid = await _standing(conn, project, Mode.BOXES, model)
    await items.put(conn, run_uid, position, source)
    await _reopen(conn, run_uid)


async def _standing(conn: AsyncConnection, project: Project, mode: Mode, model: str) -> str:
    # Not locked: the project is, and a lock here would be taken before those of items, unlike everywhere else.
    query = select(runs.c.run_uid).where(runs.c.project_uid == project.uid, runs.c.standing == mode)
    found: str | None = await conn.scalar(query)
    return found or await _insert(conn, project, RunConfig(mode), model, standing=mode)


async def _reopen(conn: AsyncConnection, run_uid: str) -> None:
    unfinished = runs.c.total > runs.c.succeeded + runs.c.failed
    done = and_(runs.c.run_uid == run_uid, runs.c.state == RunState.DONE, unfinished)
    await conn.execute(update(runs).where(done).values(state=RunState.RUNNING, end_time_us=0))
    await items.end_finished(conn, [run_uid])


async def get(conn: AsyncConnection, project_uid: str, run_uid: str, *, lock: bool = False) -> Run:
    """The project's run; raises RunNotFound."""
    query = select(runs).where(runs.c.project_uid == project_uid, runs.c.run_uid == run_uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise RunNotFound
    return _run(row)


async def page(conn: AsyncConnection, project_uid: str, limit: int, before: str | None) -> list[Run]:
    """The project's runs, newest first, those before a uid."""
    query = select(runs).where(runs.c.project_uid == project_uid)
    if before is not None:
        query = query.where(runs.c.run_uid < before)
    return [_run(row) for row in await conn.execute(query.order_by(runs.c.run_uid.desc()).limit(limit))]


async def cancel(conn: AsyncConnection, project_uid: str, run_uid: str) -> Run:
    """Stop a run, once or again; raises RunNotFound, or RunNotCancellable when it is done."""
    run = await get(conn, project_uid, run_uid, lock=True)
    if run.state is RunState.DONE:
        raise RunNotCancellable
    if run.state is RunState.RUNNING:
        values = {"state": RunState.CANCELLED, "end_time_us": now_us()}
        await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**values))
    return await get(conn, project_uid, run_uid)


async def resume(conn: AsyncConnection, project_uid: str, run_uid: str) -> Run:
    """Continue a run; one that goes on already goes on. Raises RunNotFound, or RunNotResumable when it is done."""
    run = await get(conn, project_uid, run_uid, lock=True)
    if run.state is RunState.DONE:
        raise RunNotResumable
    values = {"state": RunState.RUNNING, "end_time_us": 0}
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**values))
    await items.end_finished(conn, [run_uid])
    return await get(conn, project_uid, run_uid)


async def running(conn: AsyncConnection) -> Sequence[str]:
    """Uids of the runs to work on, oldest first."""
    query = select(runs.c.run_uid).where(runs.c.state == RunState.RUNNING).order_by(runs.c.run_uid)
    return (await conn.execute(query)).scalars().all()


def _run(row: Row[Any]) -> Run:
    return Run(
        row.run_uid,
        config_from_json(row.config),
        RunState(row.state),
        row.total,
        row.succeeded,
        row.failed,
        row.masks,
        row.model,
        row.create_time_us,
        row.end_time_us,
    )
