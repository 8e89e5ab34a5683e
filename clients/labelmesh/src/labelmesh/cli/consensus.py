"""`labelmesh consensus`: what several people's answers come to."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from labelmesh.cli import consensus_tables
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, print_json
from labelmesh.cli.windows import start_of
from labelmesh.client import Client, ConsensusMethod, ConsensusPolicy, ConsensusResult

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Compare the answers of several people to the same assets.

    Assets of a project with redundancy are answered by several people; once the last has answered, what they agree on
    becomes the label.

    [bold]Examples[/bold]

      labelmesh consensus results tickets --disputed      where people do not agree
      labelmesh consensus agreement tickets topic         how far they agree beyond chance
      labelmesh consensus annotators tickets topic        who is how often right
      labelmesh consensus compute tickets --method MACE   what another method would say
      labelmesh consensus policy tickets --iou 0.7        how answers are compared from now on""",
)
Tool = Annotated[str, typer.Argument(metavar="TOOL", help="Name of the tool, such as topic.")]
Window = Annotated[str, typer.Option("--last", help="Only answers this old at most: 90m, 24h, 7d, 4w.")]
Method = Annotated[
    ConsensusMethod | None,
    typer.Option(case_sensitive=False, help="Another method than the project's.", show_default=False),
]


@app.command()
def compute(
    project: ProjectId,
    method: Method = None,
    assets: Annotated[int, typer.Option(min=1, max=1000, help="How many, those answered last.")] = 50,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Compare the stored answers now, by the project's method or another; nothing is stored.

    [bold]Example[/bold]

      labelmesh consensus compute tickets --method DAWID_SKENE --assets 20
    """

    async def compare(client: Client) -> tuple[ConsensusResult, ...]:
        policy = await client.consensus.policy(project)
        wanted = replace(policy, method=method or policy.method)
        return await client.consensus.compute(project, policy=wanted, max_assets=assets)

    found = call(state_dir, compare)
    if as_json:
        print_json(found)
    elif not found:
        out.print("Nobody shared an asset with others yet.")
    else:
        out.print(consensus_tables.results(found))


@app.command()
def results(
    project: ProjectId,
    disputed: Annotated[bool, typer.Option("--disputed", help="Only those without agreement.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 50,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List what answers came to, newest first."""

    async def newest(client: Client) -> list[ConsensusResult]:
        found: list[ConsensusResult] = []
        async for result in client.consensus.results(project, disputed=disputed):
            found.append(result)
            if len(found) == limit:
                break
        return found

    found = call(state_dir, newest)
    if as_json:
        print_json(found)
    elif not found:
        out.print("Nothing is disputed." if disputed else "No asset has all its answers yet.")
    else:
        out.print(consensus_tables.results(found))


@app.command()
def agreement(
    project: ProjectId, tool: Tool, last: Window = "", as_json: AsJson = False, state_dir: StateDir = None
) -> None:
    """Say how far people agree in a tool, beyond chance, each number with its interval."""
    start_us = start_of(last)
    found = call(state_dir, lambda client: client.consensus.agreement(project, tool, start_time_us=start_us))
    if as_json:
        print_json(found)
    elif not found.answers:
        out.print("Nobody answered an asset that several are to answer.")
    else:
        out.print(consensus_tables.agreement(tool, found))


@app.command()
def annotators(
    project: ProjectId,
    tool: Tool,
    method: Method = None,
    last: Window = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say how often each person is right in a tool of single choice, as all votes tell; the least first."""
    start_us = start_of(last)
    found = call(
        state_dir,
        lambda client: client.consensus.annotators(project, tool, method=method, start_time_us=start_us),
    )
    if as_json:
        print_json(found)
    elif not found:
        out.print("Nobody answered an asset that several are to answer.")
    else:
        out.print(consensus_tables.annotators(found))


@app.command()
def policy(
    project: ProjectId,
    method: Method = None,
    quorum: Annotated[
        float | None, typer.Option(help="Least share of the answers, 0.5 to 1.", show_default="0.5")
    ] = None,
    iou: Annotated[
        float | None, typer.Option(help="Overlap of one thing, 0.1 to 1.", show_default="0.5")
    ] = None,
    min_agreement: Annotated[float | None, typer.Option(help="0 to 1.", show_default="0.3")] = None,
    min_confidence: Annotated[float | None, typer.Option(help="0 to 1.", show_default="0.8")] = None,
    staple: Annotated[
        bool | None,
        typer.Option("--staple/--no-staple", help="Weigh masks by their annotators.", show_default="no"),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show how answers are compared, or change what is given.

    [bold]Example[/bold]

      labelmesh consensus policy parts --iou 0.7 --quorum 0.6 --staple
    """
    given: dict[str, Any] = {
        "method": method,
        "quorum": quorum,
        "iou": iou,
        "min_agreement": min_agreement,
        "min_confidence": min_confidence,
        "staple": staple,
    }
    changed = {name: value for name, value in given.items() if value is not None}

    async def put(client: Client) -> ConsensusPolicy:
        old = await client.consensus.policy(project)
        return await client.consensus.set_policy(project, replace(old, **changed)) if changed else old

    found = call(state_dir, put)
    if as_json:
        print_json(found)
    else:
        out.print(consensus_tables.policy(found))
