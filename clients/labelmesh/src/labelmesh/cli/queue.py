"""`labelmesh queue`: what waits for a person, in which order and why."""

from typing import Annotated

import typer

from labelmesh.cli import queue_policy, queue_tables, queue_weigh
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plain, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, Explanation, Task, TaskCounts
from labelmesh.client.queue import quoted

app = typer.Typer(
    no_args_is_help=True,
    help="List, count, explain, weigh, watch and rule the review queue.",
    rich_markup_mode="rich",
)

Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        help="Only tasks that this holds for, such as 'state = OPEN AND confidence < 0.5 AND category:billing'.",
        show_default=False,
    ),
]
_NOT_DONE = "state != DONE"


@app.command("list")
def list_(
    project: ProjectId,
    filter_: Filter = "",
    order_by: Annotated[
        str,
        typer.Option(help="Fields to sort by, such as 'confidence, create_time desc'.", show_default=False),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List tasks, the most urgent first; without a filter those that are not done.

    Fields: age_hours, answers, audit, author, boost, category, confidence, create_time, decision, disagreement,
    findings, key, kind, novelty, pool, prediction_error, priority, review_time, reviewer, run, sealed, sent_to,
    severity, state, uid, weight.

    [bold]Examples[/bold]

      labelmesh queue list tickets
      labelmesh queue list tickets --filter 'severity >= WARNING OR confidence < 0.4'
      labelmesh queue list tickets --filter 'decision = CORRECT' --order-by 'review_time desc'
    """

    async def look(client: Client) -> tuple[list[Task], TaskCounts]:
        found: list[Task] = []
        asked = client.queue.list(project, filter=filter_, order_by=order_by, page_size=min(limit, 100))
        async for task in asked:
            found.append(task)
            if len(found) == limit:
                break
        return found, await client.queue.count(project, filter_ or _NOT_DONE)

    tasks, counts = call(state_dir, look)
    if as_json:
        print_json(tasks)
        return
    if not tasks:
        out.print("The filter holds for no task." if filter_ else "Nothing waits for review.")
        return
    out.print(queue_tables.tasks(tasks, counts.total))
    if len(tasks) < counts.total:
        err.print(f"Shown are {len(tasks):,} of {counts.total:,}; `--limit` shows more.", style="dim")


@app.command()
def count(
    project: ProjectId, filter_: Filter = "", as_json: AsJson = False, state_dir: StateDir = None
) -> None:
    """Count tasks by state, exactly.

    [bold]Examples[/bold]

      labelmesh queue count tickets
      labelmesh queue count tickets --filter 'priority >= 0.5 AND confidence < 0.75'
    """

    async def look(client: Client) -> tuple[TaskCounts, TaskCounts]:
        every = await client.queue.count(project)
        return (await client.queue.count(project, filter_) if filter_ else every), every

    counts, every = call(state_dir, look)
    if as_json:
        print_json({**plain(counts), "total": counts.total, "project_total": every.total})
        return
    out.print(queue_tables.counts(counts, every))


@app.command()
def explain(
    project: ProjectId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The asset's key, or the task's id.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say why a task stands where it stands: its priority term by term.

    [bold]Example[/bold]

      labelmesh queue explain tickets ticket-17
    """

    async def look(client: Client) -> tuple[Task, Explanation]:
        for field in (f"key = {quoted(key)}", f"uid = {quoted(key)}"):
            async for task in client.queue.list(project, filter=field, page_size=1):
                return task, await client.queue.explain(project, task.uid)
        raise UserError(f"{project} has no asset with the key {key}.")

    task, explanation = call(state_dir, look)
    if as_json:
        print_json({"task": task.uid, "key": task.asset.key, **plain(explanation)})
        return
    out.print(queue_tables.explanation(task, explanation))


app.command()(queue_weigh.weigh)
app.command()(queue_policy.policy)
app.command()(queue_policy.watch)
