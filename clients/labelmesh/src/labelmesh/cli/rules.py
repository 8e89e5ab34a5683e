"""`labelmesh rules`: what labels are held to."""

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from labelmesh.cli import plugins, rule_life, rule_verdicts
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, plain, print_json
from labelmesh.cli.errors import UserError
from labelmesh.cli.rule_settings import Action, Boost, Every, Floor, Params, Pool, changed, found
from labelmesh.cli.rule_tables import action as action_text
from labelmesh.cli.rule_tables import descriptions_table, parameter, rules_table, schedule
from labelmesh.client import Client, Rule, RuleMetrics
from labels.label import Severity

app = typer.Typer(
    no_args_is_help=True,
    help="""List, try, enforce and undo the rules of a project.

    [bold]The life of a rule[/bold]

      labelmesh rules backtest parts polygon_min_area         would it be right?
      labelmesh rules enable parts polygon_min_area --shadow  nobody hears of it
      labelmesh rules enable parts polygon_min_area --enforce it counts
      labelmesh rules runs parts                              what did it change?
      labelmesh rules revert parts 01JD2M                     undo that

    docs/rules.md lists the rules, docs/rule-life.md says what each step needs.""",
    rich_markup_mode="rich",
)
app.command("new")(plugins.new)
app.command("test")(plugins.try_)
app.command("show")(plugins.show)
app.command("delete")(plugins.delete)
rule_life.commands(app)
app.command("verdict")(rule_verdicts.verdict)


@app.command("list")
def list_(
    project: ProjectId,
    long: Annotated[bool, typer.Option("--long", help="Say what each rule checks.")] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List the rules with their settings, what they found and how often they were right."""

    async def read(client: Client) -> tuple[tuple[Rule, ...], dict[str, RuleMetrics]]:
        rules = await client.rules.list(project)
        counted = await asyncio.gather(*(client.rule_runs.metrics(project, rule.id) for rule in rules))
        return rules, {rule.id: some for rule, some in zip(rules, counted, strict=True)}

    rules, metrics = call(state_dir, read)
    if as_json:
        print_json([plain(rule) | {"metrics": metrics[rule.id]} for rule in rules])
        return
    out.print(descriptions_table(rules) if long else rules_table(rules, metrics))


@app.command("set")
def set_(
    project: ProjectId,
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="Such as polygon_min_area.")],
    enabled: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Whether labels are held to it.", show_default=False),
    ] = None,
    severity: Annotated[
        Severity | None,
        typer.Option(case_sensitive=False, help="How bad its findings are.", show_default=False),
    ] = None,
    parameters: Params = None,
    action: Action = None,
    boost: Boost = None,
    pool: Pool = None,
    floor: Floor = None,
    every: Every = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Change a rule; labels checked from now on are held to it.

    A rule that deletes or fixes is enforced only after `labelmesh rules backtest`.

    [bold]Examples[/bold]

      labelmesh rules set parts polygon_min_area --param min_area_px=25
      labelmesh rules set parts category_in_ontology --severity warning
      labelmesh rules set news span_in_text --disable
      labelmesh rules set parts plugin_stale --every 60
      labelmesh rules set parts blurred_picture --action route --pool seniors --boost 2
      labelmesh rules set news forbidden_pattern --enable --param patterns='^the ' --param patterns='\\d{16}'
    """
    if (
        all(said is None for said in (enabled, severity, action, boost, pool, floor, every))
        and not parameters
    ):
        raise UserError(
            "Say what to change: --enable, --disable, --severity, --action, --every or --param NAME=NUMBER."
        )

    async def change(client: Client) -> Rule:
        rule = found(await client.rules.list(project), rule_id)
        wanted = changed(rule, severity, parameters, action, boost, pool, floor, every)
        return await client.rules.update(
            project, replace(wanted, enabled=rule.enabled if enabled is None else enabled)
        )

    rule = call(state_dir, change)
    if as_json:
        print_json(rule)
        return
    period = [schedule(rule)] if schedule(rule) else []
    said = ", ".join(
        [f"severity {rule.severity}", str(action_text(rule)), *period, *map(parameter, rule.parameters)]
    )
    out.print(f"{rule.id} is {'on' if rule.enabled else 'off'}, {said}.", markup=False)
