"""`labelmesh findings`: what rules said about labels."""

from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, print_json, state, table, when
from labelmesh.client import Client, StoredFinding

app = typer.Typer(no_args_is_help=True, help="List what rules found.", rich_markup_mode="rich")


@app.command("list")
def list_(
    project: ProjectId,
    rule: Annotated[str, typer.Option(help="Only findings of this rule.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List the findings of a project, newest first.

    [bold]Example[/bold]

      labelmesh findings list news --rule span_in_text
    """

    async def newest(client: Client) -> list[StoredFinding]:
        found: list[StoredFinding] = []
        async for finding in client.rules.findings(project, rule):
            found.append(finding)
            if len(found) == limit:
                break
        return found

    found = call(state_dir, newest)
    if as_json:
        print_json(found)
        return
    if not found:
        out.print("The rules found nothing.")
        return
    shown = table("when", "severity", "rule", "finding", "asset")
    for item in found:
        finding = item.finding
        shown.add_row(
            when(item.create_time_us), state(finding.severity), finding.rule, finding.message, item.asset_uid
        )
    out.print(shown)
