"""`labelmesh rules verdict`: whether rules are right, by people's word."""

from collections.abc import Sequence
from typing import Annotated

import typer

from labelmesh.cli.connect import ProjectId, StateDir, call
from labelmesh.cli.console import out, plural
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, RunHit, Verdict

RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Such as polygon_min_area.")]


def verdict(
    project: ProjectId,
    rule_id: RuleId,
    label: Annotated[
        str | None,
        typer.Argument(metavar="[LABEL]", help="The label's id; without, --run goes through hits."),
    ] = None,
    annotation: Annotated[str, typer.Option(help="The annotation; without, the whole label.")] = "",
    confirm: Annotated[
        bool | None,
        typer.Option("--confirm/--dismiss", help="Whether the rule is right.", show_default=False),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="Judge the sample of this run's hits.")
    ] = "",
    state_dir: StateDir = None,
) -> None:
    """Say whether a rule is right about a label; a rule's measured precision follows.

    With --run, every hit of the sample is shown and asked about; with --confirm or --dismiss too, all at once.

    [bold]Examples[/bold]

      labelmesh rules verdict parts polygon_min_area 01JD2M --annotation a3 --confirm
      labelmesh rules verdict parts polygon_min_area --run 01JD4X
    """
    if (label is None) == (not run):
        raise UserError("Say what to judge: either LABEL or --run RUN.")
    if label is not None and confirm is None:
        raise UserError("Say what is right: one of --confirm and --dismiss.")
    if label is not None:
        said = [Verdict(label, rule_id, bool(confirm), annotation)]
    else:
        sample = call(state_dir, lambda client: _hits(client, project, run))
        said = _judged(rule_id, sample, confirm)
    if said:
        call(state_dir, lambda client: client.rule_runs.resolve(project, said))
    right = sum(one.confirmed for one in said)
    out.print(f"{plural(len(said), 'verdict')} kept: {right} confirmed, {len(said) - right} dismissed.")


async def _hits(client: Client, project: str, run: str) -> list[RunHit]:
    return [hit async for hit in client.rule_runs.hits(project, run)]


def _judged(rule_id: str, hits: Sequence[RunHit], confirm: bool | None) -> list[Verdict]:
    """A verdict for each hit that the person does not skip."""
    said = []
    for place, hit in enumerate(hits, 1):
        answer = confirm
        if answer is None:
            finding = hit.finding
            at = f" at {finding.annotation_id}" if finding.annotation_id else ""
            out.print(f"{place}/{len(hits)}  label {hit.label_uid}{at}: {finding.message}", markup=False)
            key = typer.prompt("  c confirm, d dismiss, s skip, q stop", default="s").strip().lower()[:1]
            if key == "q":
                break
            if key not in ("c", "d"):
                continue
            answer = key == "c"
        said.append(Verdict(hit.label_uid, rule_id, answer, hit.finding.annotation_id))
    return said
