"""`labelmesh metrics`: how fast, how good, and what the predictions are worth."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from labelmesh.cli import measure_tables, metric_tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, print_json
from labelmesh.cli.windows import start_of
from labelmesh.client import Client, HoldOutPolicy, Lift, MetricQuery, MetricRow, Metrics, Run, TaskCounts
from labelmesh.client.measure import Group, Step


class _ShowFirst(TyperGroup):
    """`labelmesh metrics tickets` is `labelmesh metrics show tickets`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ShowFirst,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Numbers about a project, each with its n and its 95 % interval.

    `labelmesh metrics PROJECT` is short for `labelmesh metrics show PROJECT`.

    [bold]Examples[/bold]

      labelmesh metrics tickets
      labelmesh metrics tickets --by class
      labelmesh metrics tickets --by day --window 4w
      labelmesh metrics tickets --plot tickets.png
      labelmesh metrics holdout tickets --share 0.1   hold some predictions back ...
      labelmesh metrics lift tickets                  ... and see what they are worth""",
)


class By(StrEnum):
    """What numbers are grouped by."""

    CLASS = "class"
    REVIEWER = "reviewer"
    SOURCE = "source"
    MODEL = "model"
    PROMPT = "prompt"
    SHOTS = "shots"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


_GROUPS = {
    By.CLASS: Group.CATEGORY,
    By.REVIEWER: Group.REVIEWER,
    By.SOURCE: Group.RUN,
    By.MODEL: Group.MODEL,
    By.PROMPT: Group.PROMPT,
    By.SHOTS: Group.SHOTS,
}
_STEPS = {By.HOUR: Step.HOUR, By.DAY: Step.DAY, By.WEEK: Step.WEEK}


Grouping = Annotated[
    list[By] | None,
    typer.Option("--by", help="Group by this; a group and a time may be combined.", show_default=False),
]
Window = Annotated[
    str, typer.Option("--window", help="Only answers of the last 90m, 24h, 7d, 4w.", show_default=False)
]


@app.command("show")
def show(
    project: ProjectId,
    by: Grouping = None,
    window: Window = "",
    reviewer: Annotated[str, typer.Option(help="Only answers of this reviewer.", show_default=False)] = "",
    run: Annotated[
        str, typer.Option("--run", help="Only answers to predictions of this run.", show_default=False)
    ] = "",
    category: Annotated[
        str, typer.Option("--class", help="Only annotations of this class.", show_default=False)
    ] = "",
    plot: Annotated[
        Path | None, typer.Option(help="Draw the project's charts into this PNG.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show how fast and how good reviewers and models are.

    Accuracy counts predictions whose whole label the answer left unchanged. Times are
    active seconds: the clock of `labelmesh review` stops when no key is touched for
    two minutes.

    [bold]Examples[/bold]

      labelmesh metrics tickets
      labelmesh metrics tickets --by class --by week --json
      labelmesh metrics tickets --by day --reviewer ann --window 2w
    """
    query = _query(by or [], window, reviewer, run, category)
    if plot is not None:
        _draw(project, plot, state_dir, query)
    elif by or category:
        _grouped(project, query, by or [], as_json, state_dir)
    else:
        _everything(project, query, as_json, state_dir)


def _query(by: list[By], window: str, reviewer: str, run: str, category: str) -> MetricQuery:
    groups = [_GROUPS[item] for item in dict.fromkeys(by) if item in _GROUPS]
    steps = [_STEPS[item] for item in dict.fromkeys(by) if item in _STEPS]
    if len(groups) > 1 or len(steps) > 1:
        raise typer.BadParameter("give one group and one of hour, day and week at most", param_hint="--by")
    return MetricQuery(
        group=groups[0] if groups else Group.NONE,
        step=steps[0] if steps else Step.NONE,
        start_us=start_of(window),
        reviewer=reviewer,
        run_uid=run,
        category=category,
    )


def _grouped(project: str, query: MetricQuery, by: list[By], as_json: bool, state_dir: Path | None) -> None:
    rows = call(state_dir, lambda client: client.measures.query(project, query))
    if as_json:
        print_json([_plain(row) for row in rows])
        return
    of_cells = query.group is Group.CATEGORY or query.category
    metrics = measure_tables.OF_CATEGORIES if of_cells else measure_tables.OF_ANSWERS
    if not rows:
        out.print("No answers yet.", style="dim")
        return
    group = next((item.value for item in by if item in _GROUPS), "")
    what = group or ("" if query.step is not Step.NONE else By.CLASS.value)
    out.print(measure_tables.by_group(rows, metrics, what, query.step))


def _plain(row: MetricRow) -> dict[str, Any]:
    """A row with its metrics by name."""
    return {
        "start_us": row.start_us,
        "end_us": row.end_us,
        "tool": row.tool,
        "name": row.name,
        "metrics": {metric.lower(): estimate for metric, estimate in row.values.items()},
    }


def _everything(project: str, query: MetricQuery, as_json: bool, state_dir: Path | None) -> None:
    async def look(client: Client) -> tuple[Metrics, TaskCounts, list[Run], MetricRow]:
        numbers = await client.projects.metrics(project, query.run_uid)
        (row,) = await client.measures.query(project, query)
        counts = await client.queue.count(project)
        return numbers, counts, [found async for found in client.runs.list(project)], row

    numbers, counts, runs, row = call(state_dir, look)
    if as_json:
        print_json({"metrics": numbers, "tasks": counts, "key_numbers": _plain(row)["metrics"]})
        return
    out.print(measure_tables.key_numbers(row))
    out.print()
    if query.start_us or query.reviewer:
        return
    for part in metric_tables.everything(numbers, counts, runs):
        out.print(part)
        out.print()


def _draw(project: str, path: Path, state_dir: Path | None, query: MetricQuery) -> None:
    # Only who draws waits for the drawing library to load.
    from labelmesh.cli.plotting import page

    page.check()

    async def look(client: Client) -> page.Numbers:
        return await page.gather(client, project, query)

    numbers = call(state_dir, look)
    page.draw(numbers, path)
    err.print(f"Drawn: {path}", markup=False, soft_wrap=True)


@app.command("lift")
def lift(
    project: ProjectId,
    experiment: Annotated[int, typer.Option(min=0, help="Number of the experiment; 0: the newest.")] = 0,
    target: Annotated[float, typer.Option(min=1.0, help="The speed-up that is asked for.")] = 3.0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say what predictions are worth: answers with them against answers without them.

    Which tasks were handed out without their prediction was drawn at random (see
    `labelmesh metrics holdout`), so what differs between the two was caused by it.

    [bold]Examples[/bold]

      labelmesh metrics lift tickets
      labelmesh metrics lift tickets --target 5 --json
    """
    found: Lift = call(state_dir, lambda client: client.measures.lift(project, experiment, target))
    if as_json:
        print_json(found)
        return
    out.print(measure_tables.lift(found))


@app.command("holdout")
def holdout(
    project: ProjectId,
    share: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.5, help="Share of predictions to hold back; 0 stops it.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show or set which share of predictions is held back from reviewers, at random.

    A task that is drawn is handed out as if no model had seen it; its prediction is compared
    with the answer afterwards. A change of the share begins a new experiment.

    [bold]Examples[/bold]

      labelmesh metrics holdout tickets
      labelmesh metrics holdout tickets --share 0.1
    """

    async def work(client: Client) -> HoldOutPolicy:
        if share is None:
            return await client.measures.hold_out(project)
        return await client.measures.set_hold_out(project, share)

    policy = call(state_dir, work)
    if as_json:
        print_json(policy)
    elif policy.share:
        begun = measure_tables.moment(policy.start_us, Step.HOUR)
        out.print(
            f"{policy.share:.1%} of predictions are held back: experiment {policy.experiment}, since {begun} UTC."
        )
    else:
        out.print("No prediction is held back.")
