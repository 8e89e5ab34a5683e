"""`labelmesh metrics`: what the reviews say about the predictions."""

from typing import Annotated

import typer

from labelmesh.cli import metric_tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, print_json
from labelmesh.client import Client, Metrics, Run, TaskCounts


def metrics(
    project: ProjectId,
    run: Annotated[str, typer.Option("--run", help="Only reviews of this prediction run.")] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show accuracy, reliability of the confidence, confusion and scores per category and run.

    Every share stands with its 95 % Wilson interval and its n. Accuracy counts
    predictions whose whole label the reviewer left unchanged.

    [bold]Examples[/bold]

      labelmesh metrics tickets
      labelmesh metrics tickets --json
    """

    async def look(client: Client) -> tuple[Metrics, TaskCounts, list[Run]]:
        numbers = await client.projects.metrics(project, run)
        counts = await client.queue.count(project)
        return numbers, counts, [found async for found in client.runs.list(project)]

    numbers, counts, runs = call(state_dir, look)
    if as_json:
        print_json({"metrics": numbers, "tasks": counts})
        return
    for part in metric_tables.everything(numbers, counts, runs):
        out.print(part)
        out.print()
