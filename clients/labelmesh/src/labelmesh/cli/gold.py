"""`labelmesh gold`: assets whose answer is known."""

from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli import audit_tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, plural, print_json
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, GoldSet
from labelmesh.client.gold import MAX_ADDED
from labelmesh.client.queue import quoted

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Known answers: drawn at random or chosen, sealed from every prompt, handed to people as tests.

    [bold]The way through[/bold]

      labelmesh gold create tickets exam
      labelmesh gold draw tickets exam 300      before anybody reviews
      labelmesh review tickets                  people answer them like any task
      labelmesh gold annotators tickets         how others do on them""",
)
SetId = Annotated[str, typer.Argument(metavar="SET", help="The gold set's id.")]


@app.command()
def create(
    project: ProjectId,
    gold_set: SetId,
    name: Annotated[str, typer.Option(help="Name for people.", show_default=False)] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Create an empty gold set; one that is there already stays as it is."""
    _show(call(state_dir, lambda client: client.gold.create(project, gold_set, name)), as_json=as_json)


@app.command("list")
def list_(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """List the project's gold sets."""
    found = call(state_dir, lambda client: client.gold.list(project))
    if as_json:
        print_json(found)
    elif not found:
        out.print(f"No gold set yet; `labelmesh gold create {project} SET` makes one.")
    else:
        out.print(audit_tables.gold_sets(found))


@app.command()
def add(
    project: ProjectId,
    gold_set: SetId,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys of assets.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", help="Keys, one a line.", exists=True, dir_okay=False, show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Seal chosen assets with the answer that a person gave.

    They test annotators. They were chosen, so no threshold rests on them: draw for that.

    [bold]Examples[/bold]

      labelmesh gold add tickets exam ticket-17 ticket-23
      labelmesh gold add tickets exam --file keys.txt
    """
    wanted = [*(keys or ()), *(file.read_text().split("\n") if file else ())]
    wanted = list(dict.fromkeys(key for key in wanted if key.strip()))
    if not wanted:
        raise UserError("Name the keys of the assets, or a file of them.")

    async def put(client: Client) -> GoldSet:
        changed = await client.gold.create(project, gold_set)
        for start in range(0, len(wanted), MAX_ADDED):
            uids = [await _uid(client, project, key) for key in wanted[start : start + MAX_ADDED]]
            changed = await client.gold.add(project, gold_set, dict.fromkeys(uids))
        return changed

    _show(call(state_dir, put), as_json=as_json)


async def _uid(client: Client, project: str, key: str) -> str:
    async for task in client.queue.list(project, filter=f"key = {quoted(key)}", page_size=1):
        return task.uid
    raise UserError(f"{project} has no asset with the key {key}.")


@app.command()
def draw(
    project: ProjectId,
    gold_set: SetId,
    count: Annotated[int, typer.Argument(min=1, max=10_000, help="How many.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Seal assets drawn at random from those that nobody has answered.

    People answer them like any task; then they test annotators, and thresholds rest on them.
    """

    async def put(client: Client) -> tuple[GoldSet, int]:
        await client.gold.create(project, gold_set)
        return await client.gold.draw(project, gold_set, count)

    found, n = call(state_dir, put)
    if as_json:
        print_json({"drawn": n, "gold_set": found})
        return
    out.print(f"[green]✓[/] {plural(n, 'asset')} drawn and sealed")
    if n < count:
        out.print(
            f"There were no more that nobody has answered or is looking at ({count:,} wanted).", style="dim"
        )
    out.print(audit_tables.gold_sets([found]))


@app.command()
def annotators(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show how each reviewer did on gold that was handed to them like any task."""
    found = call(state_dir, lambda client: client.gold.annotators(project))
    if as_json:
        print_json(found)
    elif not found:
        out.print("Nobody has been tested yet; the policy's check share sets how often that happens.")
    else:
        out.print(audit_tables.annotators(found))


def _show(found: GoldSet, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        out.print(audit_tables.gold_sets([found]))
