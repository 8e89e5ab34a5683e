"""Segmentation runs on the command line: started by `annotate`, listed and ended by `runs`."""

import asyncio
from dataclasses import dataclass

from rich.console import RenderableType

from labelmesh.cli import progress
from labelmesh.cli.console import err, plural, state, table, when
from labelmesh.cli.errors import UserError
from labelmesh.client import (
    Client,
    LabelmeshError,
    Project,
    SegmentationConfig,
    SegmentationMode,
    SegmentationRun,
    SegmentationRunState,
)
from labelmesh.client.client import NO_SEGMENTER
from labelmesh.client.segmentation_run import SegmentationFailure
from labels.ontology import ToolKind

_IMAGE_KINDS = frozenset({ToolKind.POLYGON, ToolKind.MASK})
_SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What `annotate` was told for pictures."""

    boxes: bool = False
    tool: str = ""
    category: str = ""

    @property
    def given(self) -> bool:
        """Whether any of them was."""
        return self.boxes or bool(self.tool or self.category)

    def config(self) -> SegmentationConfig:
        """The run to ask for."""
        mode = SegmentationMode.BOXES if self.boxes else SegmentationMode.AUTOMATIC
        return SegmentationConfig(mode, self.tool, self.category)


async def holds_pictures(client: Client, project: Project) -> bool:
    """Whether the project has a mask or polygon tool and its first asset is a picture."""
    if not any(tool.kind in _IMAGE_KINDS for tool in project.ontology.tools):
        return False
    async for asset in client.assets.list(project.id):
        return asset.image_ref is not None
    return False


async def watch(client: Client, run: SegmentationRun) -> SegmentationRun:
    """Show a run's progress until it rests; Ctrl-C leaves it going and says so."""
    with progress.items("pictures") as bars:
        bar = bars.add_task("segmenting", total=run.total)

        def show(now: SegmentationRun) -> None:
            what = "segmenting" + (f" ({now.failed:,} failed)" if now.failed else "")
            bars.update(bar, description=what, total=now.total, completed=now.finished)

        try:
            return await client.segmentation_runs.wait(run, show)
        except asyncio.CancelledError:
            bars.stop()
            err.print(
                "The run goes on without this window. "
                f"Watch it with `labelmesh runs show {run.project} {run.uid} --watch`, "
                f"end it with `labelmesh runs cancel {run.project} {run.uid}`.",
                soft_wrap=True,
            )
            raise


def report(run: SegmentationRun) -> None:
    """Say how a run came to rest; a run that did not finish is an error for scripts."""
    if run.state is SegmentationRunState.CANCELLED:
        raise UserError(f"The run was cancelled after {run.finished:,} of {plural(run.total, 'picture')}.")
    if not run.total:
        err.print("Nothing to do: a person has reviewed every picture.")
        return
    seconds = (run.end_time_us - run.create_time_us) / 1e6
    failed = f", [yellow]{run.failed:,} without a mask[/] (open for a person)" if run.failed else ""
    err.print(
        f"[green]✓[/] {plural(run.masks, 'mask')} on {plural(run.succeeded, 'picture')} by {run.model}{failed} "
        f"in {seconds:,.1f} s. Run {run.uid}.",
        soft_wrap=True,
    )
    err.print(f"Next: labelmesh review {run.project}", style="dim")


async def listed(client: Client, project: str) -> list[SegmentationRun]:
    """The segmentation runs of a project, newest first; none where no sam-segmenter with a model runs."""
    try:
        return [run async for run in client.segmentation_runs.list(project)]
    except LabelmeshError as error:
        if _not_there(error):
            return []
        raise


async def found(client: Client, project: str, run_uid: str) -> SegmentationRun | None:
    """The segmentation run of that id; None when there is none."""
    try:
        return await client.segmentation_runs.get(project, run_uid)
    except LabelmeshError as error:
        if _not_there(error) or error.code == "NOT_FOUND":
            return None
        raise


def _not_there(error: LabelmeshError) -> bool:
    return error.reason == NO_SEGMENTER or error.code == "UNIMPLEMENTED"


async def failures(client: Client, run: SegmentationRun) -> list[SegmentationFailure]:
    """The first pictures that failed."""
    first: list[SegmentationFailure] = []
    if run.failed:
        async for failure in client.segmentation_runs.failures(run.project, run.uid):
            first.append(failure)
            if len(first) == _SHOWN_FAILURES:
                break
    return first


def runs_table(runs: list[SegmentationRun]) -> RenderableType:
    """Segmentation runs as a table."""
    shown = table(
        "run", "state", "masks from", "model", "pictures", "masks", "started", right=("pictures", "masks")
    )
    for run in runs:
        failed = f", {run.failed:,} failed" if run.failed else ""
        shown.add_row(
            run.uid,
            state(run.state),
            run.config.mode.lower(),
            run.model,
            f"{run.finished:,}/{run.total:,}{failed}",
            f"{run.masks:,}",
            when(run.create_time_us),
        )
    return shown


def facts_table(run: SegmentationRun) -> RenderableType:
    """One run in rows."""
    facts = table("", "")
    facts.show_header = False
    facts.add_row("state", state(run.state))
    facts.add_row("pictures", f"{run.succeeded:,} done, {run.failed:,} failed, {run.total:,} in all")
    facts.add_row("masks", f"{run.masks:,}, {run.config.mode.lower()}, tool {run.config.tool or '-'}")
    facts.add_row("model", run.model)
    facts.add_row("time", f"{when(run.create_time_us)} to {when(run.end_time_us)}")
    return facts


def failures_table(failed: list[SegmentationFailure]) -> RenderableType:
    """Pictures that failed, with the reason."""
    shown = table("asset", "reason", "what happened", title=f"First {len(failed)} failed pictures")
    for failure in failed:
        shown.add_row(failure.asset_uid, failure.reason, failure.message)
    return shown
