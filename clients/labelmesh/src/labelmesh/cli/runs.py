"""`labelmesh runs`: prediction runs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli import segmentation
from labelmesh.cli.annotate import report, watch
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call, open_client
from labelmesh.cli.console import err, out, plain, print_json, state, table, when
from labelmesh.cli.metric_tables import shots_of
from labelmesh.client import Client, ItemState, Run, SegmentationRun, Shots
from labelmesh.client.run import RunItem
from labelmesh.client.segmentation_run import SegmentationFailure

app = typer.Typer(
    no_args_is_help=True, help="List, watch, resume and cancel runs of a model.", rich_markup_mode="rich"
)

RunUid = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, as `labelmesh runs list` shows it.")
]
_SHOWN_FAILURES = 20


@app.command("list")
def list_(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """List the runs of a project, newest first."""

    async def all_runs(client: Client) -> tuple[list[Run], list[SegmentationRun]]:
        runs = [run async for run in client.runs.list(project)]
        return runs, await segmentation.listed(client, project)

    runs, on_pictures = call(state_dir, all_runs)
    if as_json:
        print_json([*runs, *on_pictures])
        return
    if on_pictures:
        out.print(segmentation.runs_table(on_pictures))
    if not runs:
        if not on_pictures:
            out.print(f"{project} has no runs yet; start one with `labelmesh annotate {project}`.")
        return
    shown = table("run", "state", "shots", "model", "items", "started", right=("items",))
    for run in runs:
        failed = f", {run.failed:,} failed" if run.failed else ""
        items = f"{run.finished:,}/{run.total:,}{failed}"
        shown.add_row(run.uid, state(run.state), _shots(run), run.model, items, when(run.create_time_us))
    out.print(shown)


@app.command()
def show(
    project: ProjectId,
    run_uid: RunUid,
    follow: Annotated[bool, typer.Option("--watch", help="Show its progress until it rests.")] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show a run and the items that failed.

    [bold]Example[/bold]

      labelmesh runs show tickets 01JD8Q2ZB4E6M4K0P9V8T7S6R5 --watch
    """
    run, failures = asyncio.run(_look(project, run_uid, follow, state_dir))
    if as_json:
        print_json({**plain(run), "failures": plain(failures)})
    elif isinstance(run, SegmentationRun):
        out.print(segmentation.facts_table(run))
        if failed := [failure for failure in failures if isinstance(failure, SegmentationFailure)]:
            out.print(segmentation.failures_table(failed))
    else:
        _show(run, [item for item in failures if isinstance(item, RunItem)])


def _show(run: Run, failures: list[RunItem]) -> None:
    facts = table("", "")
    facts.show_header = False
    facts.add_row("state", state(run.state))
    if run.pause_reason:
        facts.add_row("why", run.pause_reason)
    facts.add_row("items", f"{run.succeeded:,} done, {run.failed:,} failed, {run.total:,} in all")
    facts.add_row("prompt", f"{shots_of(run)}, revision {run.prompt_revision}")
    facts.add_row("model", run.model)
    facts.add_row("tokens", f"{run.prompt_tokens:,} sent, {run.completion_tokens:,} received")
    facts.add_row("time", f"{when(run.create_time_us)} to {when(run.end_time_us)}")
    out.print(facts)
    if failures:
        shown = table("key", "reason", "what happened", title=f"First {len(failures)} failed items")
        for item in failures:
            shown.add_row(item.asset_key, item.error_reason, item.error_message)
        out.print(shown)


@app.command()
def resume(
    project: ProjectId,
    run_uid: RunUid,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the failed items again too.")
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Continue a paused or cancelled run where it stopped, and watch it."""

    async def go_on(client: Client) -> Run | SegmentationRun:
        if await segmentation.found(client, project, run_uid) is not None:
            return await segmentation.watch(client, await client.segmentation_runs.resume(project, run_uid))
        return await watch(client, await client.runs.resume(project, run_uid, retry_failed=retry_failed))

    run = call(state_dir, go_on)
    if as_json:
        print_json(run)
    if isinstance(run, SegmentationRun):
        segmentation.report(run)
    else:
        report(run)


@app.command()
def cancel(project: ProjectId, run_uid: RunUid, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Stop a run; what is finished stays."""

    async def end(client: Client) -> Run | SegmentationRun:
        if await segmentation.found(client, project, run_uid) is not None:
            return await client.segmentation_runs.cancel(project, run_uid)
        return await client.runs.cancel(project, run_uid)

    run = call(state_dir, end)
    if as_json:
        print_json(run)
        return
    err.print(f"The run is {run.state.lower()} after {run.finished:,} of {run.total:,} items; they stay.")


async def _look(
    project: str, run_uid: str, follow: bool, state_dir: Path | None
) -> tuple[Run | SegmentationRun, Sequence[RunItem | SegmentationFailure]]:
    async with open_client(state_dir) as client:
        on_pictures = await segmentation.found(client, project, run_uid)
        if on_pictures is not None:
            if follow and not on_pictures.at_rest:
                on_pictures = await segmentation.watch(client, on_pictures)
            return on_pictures, await segmentation.failures(client, on_pictures)
        run = await client.runs.get(project, run_uid)
        if follow and not run.at_rest:
            run = await watch(client, run)
        failures: list[RunItem] = []
        if run.failed:
            async for item in client.runs.items(project, run_uid, ItemState.FAILED):
                failures.append(item)
                if len(failures) == _SHOWN_FAILURES:
                    break
        return run, failures


def _shots(run: Run) -> str:
    return "zero" if run.config.shots is Shots.ZERO else f"few ({len(run.examples)})"
