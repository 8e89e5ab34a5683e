"""`labelmesh queue policy` and `watch`: how tasks reach people, and what is happening to them."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.live import Live

from labelmesh.cli import queue_policy_tables as tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plain, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, Pool, QueuePolicy, QueueView, Route


def policy(  # long: an option a setting
    project: ProjectId,
    answers: Annotated[
        int | None, typer.Option(help="People who answer a task, 1 to 25.", show_default=False)
    ] = None,
    max_answers: Annotated[
        int | None, typer.Option(help="At most so many while they do not agree.", show_default=False)
    ] = None,
    four_eyes: Annotated[
        bool | None,
        typer.Option(
            "--four-eyes/--no-four-eyes", help="A label needs another person's accept.", show_default=False
        ),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(
            help="A pool and who is in it: seniors=ann,bob; without names it is for anyone.",
            show_default=False,
        ),
    ] = None,
    drop_pool: Annotated[
        list[str] | None, typer.Option(help="A pool that is to go.", show_default=False)
    ] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(help="In place of all routes: 'seniors: severity = ERROR'.", show_default=False),
    ] = None,
    no_routes: Annotated[bool, typer.Option("--no-routes", help="Drop all routes.")] = False,
    escalation_pool: Annotated[
        str | None, typer.Option(help="Where escalated tasks go.", show_default=False)
    ] = None,
    sla_hours: Annotated[
        float | None, typer.Option(help="Older tasks come before all others; 0: none do.", show_default=False)
    ] = None,
    sla_pool: Annotated[
        str | None, typer.Option(help="Who may take older tasks from any pool.", show_default=False)
    ] = None,
    lease_seconds: Annotated[int | None, typer.Option(help="Length of a lease.", show_default=False)] = None,
    send_back_hours: Annotated[
        float | None,
        typer.Option(help="How long what is sent back waits for its person.", show_default=False),
    ] = None,
    manager: Annotated[
        list[str] | None,
        typer.Option(help="Who alone may change this, in place of all before.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show how tasks reach people, or change what is given.

    [bold]Examples[/bold]

      labelmesh queue policy tickets
      labelmesh queue policy tickets --answers 2 --max-answers 3 --escalation-pool seniors
      labelmesh queue policy tickets --pool seniors=ann,bob --route 'seniors: confidence < 0.4'
      labelmesh queue policy tickets --four-eyes --sla-hours 24
    """
    given: dict[str, Any] = {
        "answers": answers,
        "max_answers": max_answers,
        "four_eyes": four_eyes,
        "escalation_pool": escalation_pool,
        "sla_hours": sla_hours,
        "sla_pool": sla_pool,
        "lease_seconds": lease_seconds,
        "send_back_hours": send_back_hours,
        "managers": tuple(manager) if manager else None,
        "routes": () if no_routes else tuple(map(_route, route)) if route else None,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    added = [_pool(text) for text in pool or ()]

    async def put(client: Client) -> tuple[QueuePolicy, int | None]:
        old = await client.queue.policy(project)
        gone = {p.name for p in added} | set(drop_pool or ())
        pools = (*(p for p in old.pools if p.name not in gone), *added)
        new = replace(old, pools=pools, **changes)
        if answers is not None and max_answers is None:
            new = replace(new, max_answers=max(answers, old.max_answers))
        return await client.queue.set_policy(project, new) if new != old else (old, None)

    found, moved = call(state_dir, put)
    if as_json:
        print_json(found)
        return
    out.print(tables.policy(project, found))
    if moved is not None:
        err.print(f"Stored; {moved:,} tasks belong to another pool now.", style="dim")


def _pool(text: str) -> Pool:
    name, _, members = text.partition("=")
    return Pool(name.strip(), tuple(member.strip() for member in members.split(",") if member.strip()))


def _route(text: str) -> Route:
    pool, colon, condition = text.partition(":")
    if not colon or not condition.strip():
        raise UserError(
            f"A route is written 'pool: filter', such as 'seniors: severity = ERROR', not '{text}'."
        )
    return Route(pool.strip(), condition.strip())


def watch(
    project: ProjectId,
    filter_: Annotated[
        str, typer.Option("--filter", help="Only tasks that this holds for.", show_default=False)
    ] = "",
    head: Annotated[int, typer.Option(min=1, max=50, help="How many of the first tasks to show.")] = 10,
    changes: Annotated[int, typer.Option(min=0, help="End after so many views; 0: never.")] = 0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Watch the queue: counts and the first tasks, whenever they change. Ctrl-C ends it.

    With --json one line a view, for scripts.

    [bold]Examples[/bold]

      labelmesh queue watch tickets
      labelmesh queue watch tickets --filter 'pool = seniors' --json | jq .counts.open
    """

    async def look(client: Client) -> None:
        seen = 0
        before: QueueView | None = None
        live = None if as_json else Live(console=out, auto_refresh=False)
        with live or nullcontext():
            async for view in client.queue.watch(project, filter=filter_, head_size=head):
                if live is None:
                    sys.stdout.write(json.dumps(plain(view), ensure_ascii=False) + "\n")
                    sys.stdout.flush()
                else:
                    live.update(tables.view(project, view, before), refresh=True)
                before, seen = view, seen + 1
                if seen == changes:
                    return

    try:
        call(state_dir, look)
    except KeyboardInterrupt:
        raise typer.Exit from None
