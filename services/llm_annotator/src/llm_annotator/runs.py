"""SQL room: prediction runs, from request to end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, exists, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.ids import new_uid
from llm_annotator import bank, projects
from llm_annotator.errors import (
    NoTextTool,
    RequestIdReused,
    RunMissing,
    RunNotCancellable,
    RunNotResumable,
)
from llm_annotator.projects import Project
from llm_annotator.run import (
    ItemState,
    Job,
    Run,
    RunConfig,
    RunState,
    Scope,
    config_from_json,
    config_to_json,
    examples_from_json,
    examples_to_json,
)
from llm_annotator.tables import assets, items, runs
from llm_annotator.tables import projects as projects_table

_COUNTS = {"total": 0, "succeeded": 0, "failed": 0, "prompt_tokens": 0, "completion_tokens": 0}


async def create(
    conn: AsyncConnection, project: Project, config: RunConfig, minimum: int, request_id: str, model: str
) -> Run:
    """The run of that request id, made now if it is new.

    Raises RequestIdReused when the id stands for another request, NoTextTool, RequestInvalid.
    """
    project = await _now(conn, project)
    query = select(runs).where(runs.c.project_uid == project.uid, runs.c.request_id == request_id)
    row = (await conn.execute(query)).one_or_none()
    if row is not None:
        if (row.config, row.minimum_asset_count) != (config_to_json(config), minimum):
            raise RequestIdReused
        return _run(row)
    if await projects.newest_prompt(conn, project.uid) is None:
        raise NoTextTool
    bank.check(project, config)
    run_uid = await _insert(conn, project, config, minimum, request_id, model)
    if project.asset_count >= minimum:
        await _start(conn, project, run_uid, config, first_position=0)
    return await get(conn, project.uid, run_uid)


async def _now(conn: AsyncConnection, project: Project) -> Project:
    """The project as it is behind its lock: texts that came while this waited for it cannot start a run made later."""
    return await projects.locked(conn, project.uid) or project


async def _insert(
    conn: AsyncConnection, project: Project, config: RunConfig, minimum: int, request_id: str, model: str
) -> str:
    run_uid = new_uid()
    await conn.execute(
        runs.insert().values(
            run_uid=run_uid,
            project_uid=project.uid,
            request_id=request_id,
            automatic=not request_id,
            config=config_to_json(config),
            state=RunState.WAITING,
            pause_reason="",
            model=model,
            prompt_revision=0,
            ontology=b"",
            examples="[]",
            minimum_asset_count=minimum,
            create_time_us=now_us(),
            end_time_us=0,
            **_COUNTS,
        )
    )
    return run_uid


async def _start(
    conn: AsyncConnection, project: Project, run_uid: str, config: RunConfig, first_position: int
) -> None:
    """Fix what the run is made from, draw its examples and list its items."""
    template = await projects.newest_prompt(conn, project.uid)
    if template is None:
        raise NoTextTool
    drawn = await bank.draw(conn, project, config)
    values = {
        "prompt_revision": template.revision,
        "ontology": project.ontology_body,
        "examples": examples_to_json(drawn),
        "state": RunState.RUNNING,
    }
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**values))
    await _add_items(conn, project.uid, run_uid, config.scope, first_position)


async def _add_items(
    conn: AsyncConnection, project_uid: str, run_uid: str, scope: Scope, first_position: int
) -> None:
    """List the project's texts from that position on that are in the run's scope, and count them."""
    wanted = and_(
        assets.c.project_uid == project_uid, assets.c.reviewed.is_(False), assets.c.position >= first_position
    )
    if scope is Scope.MISSING:
        mine = select(runs.c.run_uid).where(runs.c.project_uid == project_uid)
        wanted &= ~exists().where(
            items.c.run_uid.in_(mine),
            items.c.position == assets.c.position,
            items.c.state == ItemState.SUCCEEDED,
        )
    none = literal("")
    chosen = select(
        literal(run_uid), assets.c.position, literal(int(ItemState.PENDING)), none, none, none
    ).where(wanted)
    names = ["run_uid", "position", "state", "claimed_by", "error_reason", "error_message"]
    added = (await conn.execute(items.insert().from_select(names, chosen))).rowcount
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(total=runs.c.total + added))
    await end_finished(conn, [run_uid])


async def assets_arrived(conn: AsyncConnection, project: Project, first_position: int, model: str) -> None:
    """Start runs that waited for these texts, and give automatic projects' texts to their standing run."""
    waiting = select(runs).where(
        runs.c.project_uid == project.uid,
        runs.c.state == RunState.WAITING,
        runs.c.minimum_asset_count <= project.asset_count,
    )
    for row in (await conn.execute(waiting.with_for_update())).all():
        await _start(conn, project, row.run_uid, config_from_json(row.config), first_position=0)
    if project.automatic and await projects.newest_prompt(conn, project.uid) is not None:
        await _extend_standing(conn, project, first_position, model)


async def _extend_standing(conn: AsyncConnection, project: Project, first_position: int, model: str) -> None:
    standing = select(runs).where(runs.c.project_uid == project.uid, runs.c.automatic.is_(True))
    row = (await conn.execute(standing.with_for_update())).one_or_none()
    if row is None:
        config = RunConfig()
        run_uid = await _insert(conn, project, config, 0, "", model)
        await _start(conn, project, run_uid, config, first_position)
        return
    await _add_items(conn, project.uid, row.run_uid, Scope.UNREVIEWED, first_position)
    reopened = {"state": RunState.RUNNING, "end_time_us": 0}
    done = and_(runs.c.run_uid == row.run_uid, runs.c.state == RunState.DONE, _unfinished())
    await conn.execute(update(runs).where(done).values(**reopened))


def _unfinished() -> Any:
    return runs.c.total > runs.c.succeeded + runs.c.failed


async def forget_item(conn: AsyncConnection, project_uid: str, position: int) -> None:
    """Take a text that a person has labelled out of the runs that have not labelled it yet."""
    mine = select(runs.c.run_uid).where(runs.c.project_uid == project_uid, runs.c.state != RunState.DONE)
    gone = delete(items).where(
        items.c.run_uid.in_(mine), items.c.position == position, items.c.state == ItemState.PENDING
    )
    rows = (await conn.execute(gone.returning(items.c.run_uid))).scalars().all()
    if rows:
        await conn.execute(update(runs).where(runs.c.run_uid.in_(rows)).values(total=runs.c.total - 1))
        await end_finished(conn, rows)


async def end_finished(conn: AsyncConnection, run_uids: Sequence[str]) -> None:
    """End those of the runs that have no item left to try."""
    finished = and_(
        runs.c.run_uid.in_(run_uids),
        runs.c.state.in_((RunState.RUNNING, RunState.PAUSED)),
        runs.c.total <= runs.c.succeeded + runs.c.failed,
    )
    values = {"state": RunState.DONE, "pause_reason": "", "end_time_us": now_us()}
    await conn.execute(update(runs).where(finished).values(**values))


async def get(conn: AsyncConnection, project_uid: str, run_uid: str, *, lock: bool = False) -> Run:
    """The project's run; raises RunMissing."""
    query = select(runs).where(runs.c.project_uid == project_uid, runs.c.run_uid == run_uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise RunMissing
    return _run(row)


async def page(conn: AsyncConnection, project_uid: str, limit: int, before: str | None) -> list[Run]:
    """The project's runs, newest first, those before a uid."""
    query = select(runs).where(runs.c.project_uid == project_uid)
    if before is not None:
        query = query.where(runs.c.run_uid < before)
    return [_run(row) for row in await conn.execute(query.order_by(runs.c.run_uid.desc()).limit(limit))]


async def cancel(conn: AsyncConnection, project_uid: str, run_uid: str) -> Run:
    """Stop a run; raises RunMissing, or RunNotCancellable when it is done."""
    run = await get(conn, project_uid, run_uid, lock=True)
    if run.state is RunState.DONE:
        raise RunNotCancellable
    values = {"state": RunState.CANCELLED, "pause_reason": "", "end_time_us": now_us()}
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**values))
    return await get(conn, project_uid, run_uid)


async def resume(conn: AsyncConnection, project: Project, run_uid: str, *, retry_failed: bool) -> Run:
    """Continue a run, with its failed items if asked; a run that goes on already goes on.

    Raises RunMissing, or RunNotResumable when it is done and nothing is to be tried again.
    """
    project = await _now(conn, project)
    run = await get(conn, project.uid, run_uid, lock=True)
    if retry_failed:
        await _reopen_failed(conn, project.uid, run)
    elif run.state is RunState.DONE:
        raise RunNotResumable
    if run.prompt_revision == 0:
        await conn.execute(
            update(runs).where(runs.c.run_uid == run_uid).values(state=RunState.WAITING, end_time_us=0)
        )
        if project.asset_count >= run.minimum_asset_count:
            await _start(conn, project, run_uid, run.config, first_position=0)
        return await get(conn, project.uid, run_uid)
    values = {"state": RunState.RUNNING, "pause_reason": "", "end_time_us": 0}
    await conn.execute(update(runs).where(runs.c.run_uid == run_uid).values(**values))
    await end_finished(conn, [run_uid])
    return await get(conn, project.uid, run_uid)


async def _reopen_failed(conn: AsyncConnection, project_uid: str, run: Run) -> None:
    mine = select(assets.c.position).where(assets.c.project_uid == project_uid, assets.c.reviewed.is_(False))
    failed = and_(items.c.run_uid == run.uid, items.c.state == ItemState.FAILED, items.c.position.in_(mine))
    values = {"state": ItemState.PENDING, "error_reason": "", "error_message": ""}
    opened = (await conn.execute(update(items).where(failed).values(**values))).rowcount
    here = runs.c.run_uid == run.uid
    await conn.execute(update(runs).where(here).values(failed=runs.c.failed - opened))


async def pause(conn: AsyncConnection, run_uid: str, reason: str) -> None:
    """Stop a run for trouble with the endpoint."""
    running = and_(runs.c.run_uid == run_uid, runs.c.state == RunState.RUNNING)
    await conn.execute(update(runs).where(running).values(state=RunState.PAUSED, pause_reason=reason[:500]))


async def running(conn: AsyncConnection) -> list[str]:
    """Uids of the runs to work on, oldest first."""
    query = select(runs.c.run_uid).where(runs.c.state == RunState.RUNNING).order_by(runs.c.run_uid)
    return list((await conn.execute(query)).scalars())


async def job(conn: AsyncConnection, run_uid: str) -> Job:
    """What a worker must know of a run."""
    query = select(runs, projects_table.c.project_id, projects_table.c.tenant).join(
        projects_table, projects_table.c.project_uid == runs.c.project_uid
    )
    row = (await conn.execute(query.where(runs.c.run_uid == run_uid))).one()
    return Job(
        row.run_uid,
        row.project_uid,
        row.project_id,
        row.tenant,
        config_from_json(row.config),
        projects.read_ontology(row.ontology),
        await projects.prompt_of_revision(conn, row.project_uid, row.prompt_revision),
        tuple(examples_from_json(row.examples)),
        row.succeeded,
    )


def _run(row: Row[Any]) -> Run:
    return Run(
        row.run_uid,
        config_from_json(row.config),
        RunState(row.state),
        row.pause_reason,
        row.total,
        row.succeeded,
        row.failed,
        row.model,
        row.prompt_revision,
        tuple(example.label_uid for example in examples_from_json(row.examples)),
        row.prompt_tokens,
        row.completion_tokens,
        row.minimum_asset_count,
        row.create_time_us,
        row.end_time_us,
    )
