"""`labelmesh lineage`: what made a label, and whether what is stored is what was stored."""

from typing import Annotated

import typer
from rich.text import Text

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, plural, print_json, table, when
from labelmesh.cli.errors import UserError
from labelmesh.cli.progress import items
from labelmesh.client import Client
from labelmesh.client.lineage import Lineage, Revision, Seal, Trouble
from labelmesh.client.queue import quoted
from labels.label import Lineage as ModelLineage

app = typer.Typer(
    no_args_is_help=True,
    help="Tell what made a label, and verify that nothing stored was altered.",
    rich_markup_mode="rich",
)
_SHOWN = 20
_EXIT_TROUBLE = 1
_WORDS = {
    "ALTERED": "is not what was entered",
    "MISSING": "was entered and is gone",
    "NOT_ENTERED": "is there and was never entered",
    "SEAL_BROKEN": "does not follow from its entries and the seal before it",
    "SEAL_MISSING": "is gone",
    "SEAL_DIFFERS": "is not the one that was kept",
}


@app.command()
def show(
    project: ProjectId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The asset's key.")],
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Tell what made an asset's current label: content, model, prompt, examples, people, rules.

    [bold]Example[/bold]

      labelmesh lineage show tickets ticket-17
    """

    async def look(client: Client) -> Lineage:
        async for task in client.queue.list(project, filter=f"key = {quoted(key)}", page_size=1):
            async for label in client.labels.revisions(project, task.asset.uid):
                return await client.lineage.get(project, label.uid)
            raise UserError(f"{key} has no label yet.")
        raise UserError(f"{project} has no asset with the key {key}.")

    found = call(state_dir, look)
    if as_json:
        print_json(found)
        return
    intact = "" if found.asset_intact else "   [red]altered since[/red]"
    out.print(f"content   sha256 {found.content_sha256}{intact}")
    asked = f" by {', '.join(found.rules)}" if found.rules else ""
    rules = f"ruleset revision {found.ruleset_revision}, {plural(len(found.findings), 'finding')}{asked}"
    out.print(f"rules     {rules if found.ruleset_revision else 'none has looked at it yet'}\n", markup=False)
    made = table(
        "revision", "when", "kind", "by", "claims", "how", "seal", right=("revision", "claims", "seal")
    )
    for revision in found.revisions:
        made.add_row(
            str(revision.label.revision),
            when(revision.label.create_time_us),
            revision.label.kind.value,
            revision.label.author,
            str(revision.annotation_count),
            _how(revision),
            (str(revision.seal) if revision.seal else "waits")
            if revision.intact
            else Text("altered", style="bold red"),
        )
    out.print(made)


def _how(revision: Revision) -> str:
    """What a revision was made from, in a few lines."""
    if revision.rule_run:
        return f"changed by rules: {', '.join(revision.rules)}\nrule run {revision.rule_run}"
    if revision.label.lineage is not None:
        return "\n".join(_made_from(revision.label.lineage))
    if not revision.decision:
        return "made outside of review"
    changes = f", {plural(revision.op_count, 'change')}" if revision.op_count else ""
    return f"{revision.decision.lower()}{changes}" + (f": {revision.reason}" if revision.reason else "")


def _made_from(made: ModelLineage) -> list[str]:
    """What a model was asked and what it answered, a line each."""
    lines = [f"run {made.run.rpartition('/')[2]}, ontology revision {made.ontology_revision}"]
    if made.prompt_revision:
        lines.append(f"prompt revision {made.prompt_revision}, sha256 {made.rendered_prompt_sha256[:16]}…")
    if made.examples:
        lines.append(plural(len(made.examples), "example"))
    if made.source_label:
        lines.append(f"boxes of label {made.source_label.rpartition('/')[2]}")
    if made.sampling is not None:
        how = made.sampling
        lines.append(f"temperature {how.temperature:g}, seed {how.seed}, at most {how.max_tokens:,} tokens")
    if made.response_sha256:
        lines.append(f"reply sha256 {made.response_sha256[:16]}…")
    if made.provider_fingerprint:
        lines.append(f"provider's version {made.provider_fingerprint}")
    if made.calibrator:
        lines.append(f"calibrated by {made.calibrator}, revision {made.calibrator_revision}")
    return lines


@app.command()
def seal(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Seal what is stored and print the seal, to be kept outside of the system.

    A chain alone cannot show that somebody who may write everything wrote all of it anew; a seal kept where they
    cannot reach does.

    [bold]Example[/bold]

      labelmesh lineage seal tickets >> seals.txt
    """
    made = call(state_dir, lambda client: client.lineage.seal(project))
    if as_json:
        print_json(made)
    elif made.number:
        out.print(f"{made.number}:{made.digest}", soft_wrap=True)
    else:
        err.print("Nothing is stored in this project yet, so there is nothing to seal.")


@app.command()
def verify(
    project: ProjectId,
    kept: Annotated[
        str,
        typer.Option(
            "--seal", help="A seal as `lineage seal` printed it: NUMBER:DIGEST.", show_default=False
        ),
    ] = "",
    after: Annotated[int, typer.Option(min=0, help="Go on after this seal.")] = 0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Verify every asset, label and review against its hash, and the chain of seals; exit 1 where anything is off.

    [bold]Examples[/bold]

      labelmesh lineage verify tickets
      labelmesh lineage verify tickets --seal 12:5f0c…
    """
    anchor = _kept(kept)

    async def work(client: Client) -> tuple[int, int, list[Trouble]]:
        entries, last, troubles = 0, after, list[Trouble]()
        with items("entry") as progress:
            task = progress.add_task("verifying", total=None)
            try:
                async for part in client.lineage.verify(project, after_seal=after, kept=anchor):
                    entries, last = entries + part.entries, max(last, part.seal)
                    troubles += part.troubles
                    progress.update(task, completed=entries)
            finally:
                if last > after:
                    err.print(
                        f"Verified up to seal {last}; `--after {last}` goes on from there.", style="dim"
                    )
        return entries, last, troubles

    entries, last, troubles = call(state_dir, work)
    if as_json:
        print_json({"entries": entries, "last_seal": last, "troubles": troubles})
    else:
        _say(entries, last, troubles)
    if troubles:
        raise typer.Exit(_EXIT_TROUBLE)


def _say(entries: int, last: int, troubles: list[Trouble]) -> None:
    looked = f"{entries:,} {'entry' if entries == 1 else 'entries'}, {plural(last, 'seal')}"
    if not troubles:
        out.print(f"[green]✓[/green] Nothing was altered: {looked}.")
        return
    made = table("what", "uid", "problem")
    for trouble in troubles[:_SHOWN]:
        made.add_row(
            trouble.kind or "seal",
            trouble.uid or str(trouble.seal),
            _WORDS.get(trouble.problem, trouble.problem),
        )
    out.print(made)
    more = len(troubles) - _SHOWN
    out.print(
        f"[bold red]{plural(len(troubles), 'problem')}[/bold red] in {looked}."
        + (f" {more:,} more than shown; --json has all." if more > 0 else "")
    )


def _kept(text: str) -> Seal | None:
    """Raises UserError unless it reads NUMBER:DIGEST."""
    if not text:
        return None
    number, _, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit()) or len(digest) != 64:
        raise UserError("A seal reads NUMBER:DIGEST, just as `labelmesh lineage seal` prints it.")
    return Seal(int(number), digest)
