"""`labelmesh export`: the labels of a project as a file."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli import progress
from labelmesh.cli.connect import ProjectId, StateDir, open_client
from labelmesh.cli.console import err, plural
from labelmesh.cli.errors import UserError
from labelmesh.client.files.writing import Exported, Form, span_tool, write_export


class FormatOption(StrEnum):
    """How the file looks."""

    JSONL = "jsonl"
    CONLL = "conll"


def export(
    project: ProjectId,
    form: Annotated[
        FormatOption, typer.Option("--format", "-f", help="jsonl: everything; conll: tokens with IOB2 tags.")
    ] = FormatOption.JSONL,
    include_unreviewed: Annotated[
        bool, typer.Option("--include-unreviewed", help="Also labels that no person has looked at.")
    ] = False,
    tool: Annotated[str, typer.Option(help="Which span tool, for conll where there are several.")] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Default: PROJECT.jsonl or PROJECT.conll.", show_default=False),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Write the labels to a file: all of it or none, and it says what it left out.

    Only reviewed labels are written unless --include-unreviewed. JSONL has a row
    for every asset, with its status: reviewed, unreviewed, rejected or
    unlabelled. CoNLL has the labelled texts only.

    [bold]Examples[/bold]

      labelmesh export tickets -o tickets.labels.jsonl
      labelmesh export news --format conll --include-unreviewed -o news.conll
    """
    target = output or Path(f"{project}.{form}")
    done = asyncio.run(_export(project, Form(form.value), include_unreviewed, tool, target, state_dir))
    _report(done, target)


async def _export(
    project: str, form: Form, include_unreviewed: bool, tool: str, target: Path, state_dir: Path | None
) -> Exported:
    async with open_client(state_dir) as client:
        found = await client.projects.get(project)
        if not found.asset_count:
            raise UserError(f"The project {project} holds nothing to export.")
        with progress.items("assets") as bars:
            bar = bars.add_task("exporting", total=found.asset_count)
            return await write_export(
                client.labels.export(project, include_unreviewed=include_unreviewed),
                form,
                target,
                tool=span_tool(found.ontology, tool) if form is Form.CONLL else "",
                on_progress=lambda count: bars.update(bar, completed=count),
            )


def _report(done: Exported, target: Path) -> None:
    err.print(
        f"[green]✓[/] {plural(done.written, 'asset')} written to {target}: "
        + ", ".join(f"{count:,} {name}" for name, count in done.by_status.items()),
        soft_wrap=True,
    )
    if done.spans_left_out:
        err.print(
            f"{plural(done.spans_left_out, 'span')} overlap a longer one or hold no token: not in the file."
        )
    if done.without_text:
        err.print(f"{plural(done.without_text, 'long text')} kept in the blob store: not in the file.")
