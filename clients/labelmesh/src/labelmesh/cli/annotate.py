"""`labelmesh annotate`: let the model label, and watch it."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli import progress, segmentation
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, open_client
from labelmesh.cli.console import err, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.cli.segmentation import PictureOptions
from labelmesh.client import Client, Run, RunConfig, RunScope, RunState, SegmentationRun, Shots
from labels.label import ConfidenceMethod


class ShotsOption(StrEnum):
    """Whether the prompt carries reviewed examples."""

    ZERO = "zero"
    FEW = "few"


class ConfidenceOption(StrEnum):
    """How confidence is computed."""

    LABEL_MASS = "label-mass"
    TOP5_PRODUCT = "top5-product"


_SHOTS = {ShotsOption.ZERO: Shots.ZERO, ShotsOption.FEW: Shots.FEW}
_METHODS = {
    ConfidenceOption.LABEL_MASS: ConfidenceMethod.LABEL_MASS,
    ConfidenceOption.TOP5_PRODUCT: ConfidenceMethod.TOP5_PRODUCT,
}

Method = Annotated[
    ConfidenceOption,
    typer.Option(
        help="label-mass: probability of the category among all categories; "
        "top5-product: product of the first five answer tokens."
    ),
]
Boxes = Annotated[
    bool,
    typer.Option("--boxes", help="Pictures: a mask for each box that is there, instead of masks all over."),
]
ToolName = Annotated[
    str, typer.Option(help="Pictures: the mask or polygon tool. Default: the first.", show_default=False)
]
CategoryName = Annotated[
    str, typer.Option(help="Pictures: the masks' category. Default: the tool's first.", show_default=False)
]


def annotate(
    project: ProjectId,
    shots: Annotated[
        ShotsOption, typer.Option(help="few: put reviewed labels into the prompt as examples.")
    ] = ShotsOption.ZERO,
    examples: Annotated[int, typer.Option(min=1, max=16, help="Examples a category, with --shots few.")] = 1,
    seed: Annotated[int, typer.Option(help="Same seed, same reviews: same examples.")] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="Also label anew what has a prediction but no review yet.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(min=0, max=1024, help="Requests under way at once; 0: the service's default.")
    ] = 0,
    confidence: Method = ConfidenceOption.LABEL_MASS,
    boxes: Boxes = False,
    tool: ToolName = "",
    category: CategoryName = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Let the model label every text that has neither a prediction nor a review.

    In a project of pictures with a mask or polygon tool, Segment Anything makes
    the masks of every picture that no person has reviewed.

    Ctrl-C leaves the run going; `labelmesh runs` watches, resumes and cancels it.

    [bold]Examples[/bold]

      labelmesh annotate tickets
      labelmesh annotate tickets --shots few --examples 2 --again
      labelmesh annotate parts --boxes
    """
    pictures = PictureOptions(boxes, tool, category)
    config = RunConfig(
        shots=_SHOTS[shots],
        examples_per_category=examples,
        seed=seed,
        confidence_method=_METHODS[confidence],
        concurrency=concurrency,
        scope=RunScope.UNREVIEWED if again else RunScope.MISSING,
    )
    run = asyncio.run(_annotate(project, config, pictures, state_dir))
    if as_json:
        print_json(run)
    if isinstance(run, SegmentationRun):
        segmentation.report(run)
    else:
        report(run)


async def _annotate(
    project: str, config: RunConfig, pictures: PictureOptions, state_dir: Path | None
) -> Run | SegmentationRun:
    async with open_client(state_dir) as client:
        described = await client.projects.get(project)
        assets = described.asset_count
        if not assets:
            raise UserError(
                f"The project {project} holds nothing yet; fill it with `labelmesh import {project} FILE`."
            )
        if await segmentation.holds_pictures(client, described):
            wanted = pictures.config()
            made = await client.segmentation_runs.create(project, wanted, minimum_asset_count=assets)
            return await segmentation.watch(client, made)
        if pictures.given:
            raise UserError(
                "--boxes, --tool and --category are for projects of pictures with a mask or polygon tool."
            )
        run = await client.runs.create(project, config, minimum_asset_count=assets)
        return await watch(client, run)


async def watch(client: Client, run: Run) -> Run:
    """Show a run's progress until it rests; Ctrl-C leaves it going and says so."""
    with progress.items("items") as bars:
        bar = bars.add_task("waiting for the assets", total=None)

        def show(now: Run) -> None:
            if now.state is not RunState.WAITING:
                what = "annotating" + (f" ({now.failed:,} failed)" if now.failed else "")
                bars.update(bar, description=what, total=now.total, completed=now.finished)

        try:
            return await client.runs.wait(run, show)
        except asyncio.CancelledError:
            bars.stop()
            err.print(
                "The run goes on without this window. "
                f"Watch it with `labelmesh runs show {run.project} {run.uid} --watch`, "
                f"end it with `labelmesh runs cancel {run.project} {run.uid}`.",
                soft_wrap=True,
            )
            raise


def report(run: Run) -> None:
    """Say how a run came to rest; a run that did not finish is an error for scripts."""
    if run.state is RunState.PAUSED:
        reason = run.pause_reason.rstrip(".") or "the endpoint is in trouble"
        raise UserError(
            f"The run is paused after {run.finished:,} of {plural(run.total, 'item')} and nothing is lost: {reason}. "
            f"Then continue with `labelmesh runs resume {run.project} {run.uid}`."
        )
    if run.state is RunState.CANCELLED:
        raise UserError(f"The run was cancelled after {run.finished:,} of {plural(run.total, 'item')}.")
    if not run.total:
        err.print(
            "Nothing to do: every text has a prediction or a review (--again labels the unreviewed anew)."
        )
        return
    seconds = (run.end_time_us - run.create_time_us) / 1e6
    failed = f", [yellow]{run.failed:,} without a usable answer[/] (open for a person)" if run.failed else ""
    shots = f"{len(run.examples)} examples" if run.config.shots is Shots.FEW else "zero-shot"
    err.print(
        f"[green]✓[/] {plural(run.succeeded, 'text')} labelled by {run.model}{failed} in {seconds:,.1f} s, {shots}, "
        f"{run.prompt_tokens + run.completion_tokens:,} tokens. Run {run.uid}.",
        soft_wrap=True,
    )
    err.print(f"Next: labelmesh review {run.project}", style="dim")
