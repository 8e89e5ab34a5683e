"""`labelmesh rules`: what labels are held to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from labelmesh.cli import plugins
from labelmesh.cli.connect import AsJson, ProjectId, StateDir, call
from labelmesh.cli.console import out, print_json, state, table
from labelmesh.cli.errors import UserError
from labelmesh.client import Client, Rule, RuleParameter
from labels.label import Severity

app = typer.Typer(no_args_is_help=True, help="List and set the rules of a project.", rich_markup_mode="rich")
app.command("new")(plugins.new)
app.command("test")(plugins.try_)
app.command("show")(plugins.show)
app.command("delete")(plugins.delete)


@app.command("list")
def list_(project: ProjectId, as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """List the rules with their settings in a project."""
    rules = call(state_dir, lambda client: client.rules.list(project))
    if as_json:
        print_json(rules)
        return
    shown = table("rule", "on", "severity", "parameters", "what it checks")
    for rule in rules:
        parameters = "\n".join(map(_shown, rule.parameters))
        on = "[green]yes[/]" if rule.enabled else "[dim]no[/]"
        shown.add_row(rule.id, on, state(rule.severity), parameters, rule.description)
    out.print(shown)


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
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=NUMBER",
            help="Set a parameter; repeatable. One that takes texts is given once for each, as NAME=TEXT.",
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Change a rule; labels checked from now on are held to it.

    [bold]Examples[/bold]

      labelmesh rules set parts polygon_min_area --param min_area_px=25
      labelmesh rules set parts category_in_ontology --severity warning
      labelmesh rules set news span_in_text --disable
      labelmesh rules set news forbidden_pattern --enable --param patterns='^the ' --param patterns='\\d{16}'
    """
    changed = [_split(text) for text in parameters or ()]
    if enabled is None and severity is None and not changed:
        raise UserError("Say what to change: --enable, --disable, --severity or --param NAME=NUMBER.")

    async def change(client: Client) -> Rule:
        rules = {rule.id: rule for rule in await client.rules.list(project)}
        if rule_id not in rules:
            raise UserError(f'There is no rule "{rule_id}"; the rules are {", ".join(rules)}.')
        rule = rules[rule_id]
        wanted = replace(
            rule,
            enabled=rule.enabled if enabled is None else enabled,
            severity=severity or rule.severity,
            parameters=_parameters(rule, changed),
        )
        return await client.rules.update(project, wanted)

    rule = call(state_dir, change)
    if as_json:
        print_json(rule)
        return
    said = ", ".join([f"severity {rule.severity}", *map(_shown, rule.parameters)])
    out.print(f"{rule.id} is {'on' if rule.enabled else 'off'}, {said}.", markup=False)


def _shown(parameter: RuleParameter) -> str:
    value = ", ".join(parameter.texts) if parameter.takes_texts else f"{parameter.value:g}"
    return f"{parameter.name} = {value}"


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UserError(f'"{text}" is not a parameter; write NAME=NUMBER, such as min_area_px=25.')
    return name, value


def _parameters(rule: Rule, changed: Sequence[tuple[str, str]]) -> tuple[RuleParameter, ...]:
    """The changed parameters; an empty text alone clears one that takes texts."""
    taking_texts = {parameter.name for parameter in rule.parameters if parameter.takes_texts}
    made: dict[str, RuleParameter] = {}
    for name, value in changed:
        if name in taking_texts:
            texts = made[name].texts if name in made else ()
            made[name] = RuleParameter(name, texts=(*texts, *([value] if value else [])), takes_texts=True)
        else:
            made[name] = RuleParameter(name, _number(name, value))
    return tuple(made.values())


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UserError(
            f'"{name}={value}" is not a parameter; write NAME=NUMBER, such as min_area_px=25.'
        ) from None
