"""`labelmesh rules new|test|code|delete`: a project's own rules."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import err, out, print_json
from labelmesh.cli.errors import UserError
from labelmesh.cli.plugin_tables import code, outcomes_table, plugins_table
from labelmesh.client import (
    Client,
    LabelmeshError,
    Plugin,
    PluginLanguage,
    PluginOutcome,
    PluginTest,
    RuleDraft,
)
from labels.label import Severity

MAX_CODE_BYTES = 64 << 10
MAX_TESTS = 50
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the rule: small letters, digits and _, a letter first.")
]


def new(
    project: ProjectId,
    name: Name,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Python with on_prediction, on_submit, on_review or on_schedule."),
    ] = None,
    cel: Annotated[
        str | None,
        typer.Option("--cel", metavar="EXPR", help="An expression that is true where something is wrong."),
    ] = None,
    describe: Annotated[
        str | None,
        typer.Option("--describe", metavar="SENTENCE", help="Have the model write it from a sentence."),
    ] = None,
    message: Annotated[str, typer.Option(help="What an expression says about what it finds.")] = "",
    description: Annotated[str, typer.Option(help="What the rule checks, in one sentence.")] = "",
    severity: Annotated[
        Severity, typer.Option(case_sensitive=False, help="How bad its findings are.")
    ] = Severity.WARNING,
    replace_: Annotated[
        bool, typer.Option("--replace", help="Replace the rule of that name; it is off again then.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Store what the model wrote without asking.")
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Make a rule of the project's own. It is off until a backtest is done and you enable it.

    [bold]Examples[/bold]

      labelmesh rules new parts small_roofs --file small_roofs.py
      labelmesh rules new parts tiny --cel 'annotation.area_px < 5.0' --message 'The outline is tiny.'
      labelmesh rules new parts thin --describe 'Boxes more than 20 times as wide as they are high.'

    docs/plugins.md says what a rule may look at and ask for.
    """
    if sum(given is not None for given in (file, cel, describe)) != 1:
        raise UserError("Say what the rule is: one of --file FILE, --cel EXPR and --describe SENTENCE.")
    if describe is not None:
        plugin = _drafted(project, name, describe, yes or as_json, state_dir)
    elif file is not None:
        plugin = Plugin(name, PluginLanguage.PYTHON, _read(file), description, message)
    else:
        plugin = Plugin(name, PluginLanguage.CEL, cel or "", description, message)
    plugin = replace(plugin, severity=severity)
    stored = call(state_dir, lambda client: _store(client, project, plugin, replace_))
    if as_json:
        print_json(stored)
        return
    out.print(f"Stored {stored.rule}, revision {stored.revision}; it is off.", markup=False)
    out.print(f"Try it: labelmesh rules test {project} {name} --labels 50", style="dim", markup=False)


def _drafted(project: str, name: str, sentence: str, yes: bool, state_dir: Path | None) -> Plugin:
    """What the model wrote, once the user has seen it."""

    async def draft(client: Client) -> RuleDraft:
        with err.status("The model writes the rule and its tests ..."):
            return await client.plugins.draft(project, name, sentence)

    made = call(state_dir, draft)
    if not yes:
        tries = "the first time" if made.attempts == 1 else f"in {made.attempts} attempts"
        out.print(f"{made.model} wrote this {tries}; it passes its own tests.\n", markup=False)
        out.print(code(made.plugin))
        out.print(outcomes_table(made.outcomes))
        typer.confirm("Store it (off)?", abort=True)
    return made.plugin


async def _store(client: Client, project: str, plugin: Plugin, replacing: bool) -> Plugin:
    if replacing:
        try:
            present = await client.plugins.get(project, plugin.name)
        except LabelmeshError as error:
            if error.reason != "PLUGIN_UNKNOWN":
                raise
        else:
            tests = plugin.tests or present.tests
            return await client.plugins.update(project, replace(plugin, etag=present.etag, tests=tests))
    try:
        return await client.plugins.create(project, plugin)
    except LabelmeshError as error:
        if error.reason != "PLUGIN_EXISTS":
            raise
        raise UserError(
            f'There is a rule "{plugin.name}" already; --replace puts this one in its place.'
        ) from None


def try_(
    project: ProjectId,
    name: Name,
    file: Annotated[
        Path | None, typer.Option("--file", help="Try this code instead of what is stored; nothing is kept.")
    ] = None,
    labels: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_TESTS, help="Try it on that many labels of the project; 0 is its own tests."
        ),
    ] = 0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Run a rule of the project's own on labels and show what it finds, asks for and prints.

    Nothing is stored or changed. Exits 1 when the rule fails or a test does not come out as it should.

    [bold]Examples[/bold]

      labelmesh rules test parts small_roofs                              its own tests
      labelmesh rules test parts small_roofs --labels 50                  the project's first 50 labels
      labelmesh rules test parts small_roofs --file new.py --labels 50    code that is not stored yet
    """

    async def run(client: Client) -> tuple[PluginOutcome, ...]:
        plugin = Plugin(name, PluginLanguage.PYTHON, _read(file) if file is not None else "")
        tests = [test async for test in _labels(client, project, labels)] if labels else []
        if labels and not tests:
            raise UserError(f'The project "{project}" has no labels to try it on.')
        return await client.plugins.test(project, plugin, tests)

    outcomes = call(state_dir, run)
    if as_json:
        print_json(outcomes)
    elif outcomes:
        out.print(outcomes_table(outcomes))
    else:
        err.print("The rule has no tests of its own; --labels 50 tries it on labels of the project.")
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


async def _labels(client: Client, project: str, count: int) -> AsyncIterator[PluginTest]:
    """The project's first labels in the order of import."""
    async for exported in client.labels.export(project, include_unreviewed=True):
        if exported.label is not None:
            yield PluginTest(exported.asset.key[:200], exported.asset, exported.label)
            count -= 1
        if count == 0:
            return
        await asyncio.sleep(0)


def show(
    project: ProjectId,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which; all are listed without.")
    ] = None,
    revision: Annotated[int, typer.Option(min=0, help="A former revision; 0 is the present one.")] = 0,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show the code of a rule of the project's own, or list them."""

    async def read(client: Client) -> list[Plugin]:
        if name is not None:
            return [await client.plugins.get(project, name, revision)]
        return [plugin async for plugin in client.plugins.list(project)]

    found = call(state_dir, read)
    if as_json:
        print_json(found if name is None else found[0])
    elif name is None:
        out.print(plugins_table(found) if found else "The project has no rules of its own.")
    else:
        (plugin,) = found
        out.print(f"{plugin.rule}, revision {plugin.revision} by {plugin.author}", style="bold", markup=False)
        out.print(code(plugin))


def delete(
    project: ProjectId,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    state_dir: StateDir = None,
) -> None:
    """Delete a rule of the project's own; what it found stays."""
    if not yes:
        typer.confirm(f'Delete the rule "{name}" of {project}?', abort=True)
    call(state_dir, lambda client: client.plugins.delete(project, name))
    out.print(f'Deleted the rule "{name}".', markup=False)


def _read(file: Path) -> str:
    """The code in a file; raises UserError."""
    try:
        if file.stat().st_size > MAX_CODE_BYTES:
            raise UserError(f"{file} is larger than {MAX_CODE_BYTES:,} bytes.")
        return file.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8.") from None
