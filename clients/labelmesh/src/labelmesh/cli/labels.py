"""`labelmesh labels`: what stands for each asset."""

from typing import Annotated

import typer

from labelmesh.cli import label_tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plain, print_json
from labelmesh.client import Client, FoundLabel

app = typer.Typer(no_args_is_help=True, help="Search the labels that stand.", rich_markup_mode="rich")


@app.callback()
def _group() -> None:
    """Keep `search` a command of its own, though it is the only one."""


@app.command()
def search(
    project: ProjectId,
    filter_: Annotated[
        str,
        typer.Argument(
            metavar="[FILTER]",
            help="Only labels that this holds for, such as 'agreement < 0.5 AND category:billing'.",
            show_default=False,
        ),
    ] = "",
    order_by: Annotated[
        str,
        typer.Option(help="Fields to sort by, such as 'agreement, create_time desc'.", show_default=False),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Find labels by what is in them, who made them, and how far they are from the prediction; the newest first.

    Fields: agreement, asset, author, category, changed, confidence, create_time, decision, findings, key, kind, model,
    overlap, prompt_revision, review_time, reviewer, revision, rule, run, severity, source, uid. Compare with
    = != < <= > >=, ask a class or a rule with `category:sport`, join with AND, OR, NOT.

    [bold]Examples[/bold]

      labelmesh labels search tickets 'changed = true'
      labelmesh labels search tickets 'agreement < 0.5 AND model = "qwen*"' --order-by agreement
      labelmesh labels search tickets 'reviewer = ann create_time > 2026-01-31 severity >= WARNING'
      labelmesh labels search tickets 'rule:polygon_min_area OR confidence < 0.3' --json
    """

    async def look(client: Client) -> tuple[list[FoundLabel], bool]:
        found: list[FoundLabel] = []
        asked = client.labels.search(project, filter_, order_by=order_by, page_size=min(limit + 1, 100))
        async for label in asked:
            if len(found) == limit:
                return found, True
            found.append(label)
        return found, False

    found, more = call(state_dir, look)
    if as_json:
        print_json([plain(label) | {"changed": label.changed} for label in found])
        return
    if not found:
        out.print("The filter holds for no label." if filter_ else "There are no labels yet.")
        return
    out.print(label_tables.found(found))
    if more:
        err.print(f"Shown are the first {len(found):,}; `--limit` shows more.", style="dim")
