"""Options that set a rule, and what they make of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from labelmesh.cli.errors import UserError
from labelmesh.client import Rule, RuleAction, RuleMode, RuleParameter
from labels.label import Severity

Action = Annotated[
    RuleAction | None,
    typer.Option(case_sensitive=False, help="What is done about what it finds.", show_default=False),
]
Boost = Annotated[
    float | None,
    typer.Option(min=0, max=1000, help="With route: added to the task's priority.", show_default=False),
]
Pool = Annotated[
    str | None,
    typer.Option(help="With route: the pool of reviewers; empty for anyone.", show_default=False),
]
Floor = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="With delete: what the lower bound of its precision must reach.",
        show_default=False,
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        metavar="MINUTES",
        min=0,
        max=43_200,
        help="How often on_schedule is asked about all labels, 5 minutes or more; 0 for never.",
        show_default=False,
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=NUMBER",
        help="Set a parameter; repeatable. One that takes texts is given once for each, as NAME=TEXT.",
    ),
]


def found(rules: Sequence[Rule], rule_id: str) -> Rule:
    """The rule of that id; raises UserError."""
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise UserError(f'There is no rule "{rule_id}"; the rules are {", ".join(rule.id for rule in rules)}.')


def changed(
    rule: Rule,
    severity: Severity | None,
    parameters: Sequence[str] | None,
    action: RuleAction | None,
    boost: float | None,
    pool: str | None,
    floor: float | None,
    every: int | None = None,
) -> Rule:
    """The rule with what was said changed; raises UserError."""
    return replace(
        rule,
        severity=severity or rule.severity,
        parameters=_parameters(rule, [_split(text) for text in parameters or ()]),
        action=action or rule.action,
        route_boost=rule.route_boost if boost is None else boost,
        route_pool=rule.route_pool if pool is None else pool,
        precision_floor=rule.precision_floor if floor is None else floor,
        schedule_minutes=rule.schedule_minutes if every is None else every,
        # The mode is for `rules enable`; --enable and --disable say it by `enabled`.
        mode=RuleMode.SHADOW if rule.mode is RuleMode.SHADOW else None,
    )


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UserError(f'"{text}" is not a parameter; write NAME=NUMBER, such as min_area_px=25.')
    return name, value


def _parameters(rule: Rule, said: Sequence[tuple[str, str]]) -> tuple[RuleParameter, ...]:
    """The changed parameters; an empty text alone clears one that takes texts."""
    taking_texts = {parameter.name for parameter in rule.parameters if parameter.takes_texts}
    made: dict[str, RuleParameter] = {}
    for name, value in said:
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
