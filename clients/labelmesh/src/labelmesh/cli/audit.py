"""`labelmesh audit`: labels that nobody looks at, up to an error that was said beforehand."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli import audit_tables, progress
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call, open_client
from labelmesh.cli.console import err, out, plural, print_json
from labelmesh.client import (
    AcceptancePolicy,
    Applied,
    AssuranceStatus,
    Certificate,
    Client,
    SliceBy,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Accept labels unseen up to a stated error, audit them at random, certify what they are worth.

    [bold]The way through[/bold]

      labelmesh audit policy tickets --target-error 0.02    what is good enough
      labelmesh audit apply tickets                         draw the random sample
      labelmesh review tickets                              answer it
      labelmesh audit fit tickets                           thresholds from the answers
      labelmesh audit promote tickets                       accept what they allow
      labelmesh audit apply tickets                         among the open tasks, too
      labelmesh audit certificate tickets --issue           what the labels are worth now""",
)


@app.command()
def status(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show policy, stage, thresholds with their evidence, and where all tasks stand."""

    async def look(client: Client) -> AssuranceStatus:
        return await client.assurance.status(project)

    found = call(state_dir, look)
    if as_json:
        print_json(found)
        return
    out.print(audit_tables.status(project, found))


@app.command()
def policy(  # long: its options are most of it
    project: ProjectId,
    target_error: Annotated[
        float | None,
        typer.Option(help="Share of wrong labels that is still good enough.", show_default="0.02"),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(help="Chance that a threshold lets more through, in all.", show_default="0.1"),
    ] = None,
    slice_by: Annotated[
        SliceBy | None,
        typer.Option(help="One threshold for each of these.", show_default="NONE", case_sensitive=False),
    ] = None,
    audit_rate: Annotated[
        float | None,
        typer.Option(help="Share that people look at whatever the confidence; never 0.", show_default="0.05"),
    ] = None,
    mixed_audit_rate: Annotated[
        float | None, typer.Option(help="The same before the stage AUTO.", show_default="0.2")
    ] = None,
    n_min: Annotated[
        int | None,
        typer.Option(help="No threshold for slices with fewer answers.", show_default="100"),
    ] = None,
    check_share: Annotated[
        float | None,
        typer.Option(help="Share of leases that are audits and gold.", show_default="0.2"),
    ] = None,
    export: Annotated[
        bool | None,
        typer.Option("--export/--no-export", help="Export what was accepted unseen.", show_default="no"),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Set the rules of automatic acceptance; what is left out stays as it is.

    Another target error, delta or slicing withdraws the thresholds: they proved something else.

    [bold]Examples[/bold]

      labelmesh audit policy tickets --target-error 0.02 --delta 0.1
      labelmesh audit policy tickets --slice-by category --audit-rate 0.1 --export
    """
    given = {
        "target_error": target_error,
        "delta": delta,
        "slice_by": slice_by,
        "audit_rate": audit_rate,
        "mixed_audit_rate": mixed_audit_rate,
        "n_min": n_min,
        "check_share": check_share,
        "export_auto_accepted": export,
    }
    changed = {name: value for name, value in given.items() if value is not None}

    async def put(client: Client) -> AcceptancePolicy:
        old = (await client.assurance.status(project)).policy or AcceptancePolicy()
        if not changed and old.revision:
            return old
        return await client.assurance.set_policy(project, replace(old, **changed))  # type: ignore[arg-type]

    found = call(state_dir, put)
    if as_json:
        print_json(found)
        return
    out.print(audit_tables.policy(found))


@app.command()
def fit(
    project: ProjectId,
    run: Annotated[
        str,
        typer.Option(help="Id of the prediction run. Default: the one answered last.", show_default=False),
    ] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Fit a threshold for each slice to the answered random sample.

    Each fit to new answers costs some of delta, so wait for enough of them.
    """
    found = call(state_dir, lambda client: client.assurance.fit(project, run))
    if as_json:
        print_json(found)
        return
    out.print(audit_tables.fit(found))


@app.command()
def promote(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Go one stage up: from ASSISTED to MIXED, from MIXED to AUTO.

    The first needs a threshold, the second a certificate by audits that is within the target.
    """
    stage = call(state_dir, lambda client: client.assurance.promote(project))
    _stage(project, stage, as_json=as_json)
    err.print(
        f"`labelmesh audit apply {project}` accepts among the tasks that are open already.", style="dim"
    )


@app.command()
def demote(
    project: ProjectId,
    reason: Annotated[str, typer.Option(help="Why; people will read it.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Stop accepting labels unseen, at once."""
    stage = call(state_dir, lambda client: client.assurance.demote(project, reason))
    _stage(project, stage, as_json=as_json)
    err.print(f"`labelmesh audit reopen {project}` opens again what was accepted.", style="dim")


def _stage(project: str, stage: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"project": project, "stage": stage})
        return
    out.print(audit_tables.stage_line(project, stage))


@app.command()
def apply(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Draw and accept among the tasks that are open already.

    After a new policy it draws the random sample; after a promotion it accepts. If it
    is cut off, run it again: what is done is done.
    """
    done = asyncio.run(_apply(project, state_dir))
    if as_json:
        print_json(done)
        return
    out.print(
        f"[green]✓[/] {plural(done.looked_at, 'open task')} looked at: {done.drawn:,} newly drawn for people,"
        f" {done.accepted:,} accepted unseen"
    )


async def _apply(project: str, state_dir: Path | None) -> Applied:
    done = Applied(0, 0, 0)
    async with open_client(state_dir) as client:
        open_now = (await client.queue.count(project, "state = OPEN AND kind = PREDICTION")).open
        with progress.items("tasks") as bars:
            bar = bars.add_task("applying", total=open_now)
            async for now in client.assurance.apply(project):
                done = now
                bars.update(bar, completed=now.looked_at)
    return done


@app.command()
def reopen(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Open again what was accepted unseen since the evidence was last good, for people to look at.

    That is since the newest certificate within the target, or since the thresholds were fitted.
    """
    reopened = call(state_dir, lambda client: client.assurance.reopen(project))
    if as_json:
        print_json({"project": project, "reopened": reopened})
        return
    out.print(f"[green]✓[/] {plural(reopened, 'task')} opened again")


@app.command()
def certificate(
    project: ProjectId,
    issue: Annotated[bool, typer.Option("--issue", help="Issue a new one.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List all of them, newest first.")] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show the newest certificate, or issue one: what the labels may be trusted for.

    [bold]Examples[/bold]

      labelmesh audit certificate tickets --issue
      labelmesh audit certificate tickets --all
    """

    async def look(client: Client) -> list[Certificate]:
        if issue:
            return [await client.assurance.certify(project)]
        found = []
        async for each in client.assurance.certificates(project):
            found.append(each)
            if not every:
                break
        return found

    found = call(state_dir, look)
    if as_json:
        print_json(found if every else (found[0] if found else None))
    elif not found:
        out.print(f"No certificate yet; `labelmesh audit certificate {project} --issue` makes one.")
    elif every:
        out.print(audit_tables.certificates(found))
    else:
        out.print(audit_tables.certificate(found[0]))
