"""How rules and their runs look on a screen."""

import io
from dataclasses import replace

from rich.console import Console

from labelmesh.cli.rule_tables import descriptions_table, rules_table, run_view, runs_table
from labelmesh.client import (
    Rule,
    RuleAction,
    RuleMetrics,
    RuleMode,
    RuleParameter,
    RulePrecision,
    RuleRun,
    RuleRunKind,
    RuleRunState,
    RunHit,
)
from labels.label import Finding, Severity

RULE = Rule(
    "polygon_min_area",
    "No polygon or mask is small.",
    True,
    Severity.WARNING,
    (RuleParameter("min_area_px", 5.0),),
    RuleMode.ENFORCE,
    RuleAction.DELETE,
)
ROUTED = replace(
    RULE, id="x", action=RuleAction.ROUTE, route_boost=2.5, route_pool="seniors", mode=RuleMode.SHADOW
)
RIGHT = RulePrecision(129, 4, 129 / 133, 0.925, 0.988)
RUN = RuleRun(
    "parts",
    "01JD2MABCDEFGHJKMNPQRSTVWX",
    RuleRunKind.BACKTEST,
    RuleRunState.DONE,
    RULE,
    200_000,
    200_000,
    1_100,
    1_204,
    0.0055,
    0,
    401.3,
    RIGHT,
    "",
    "ann",
    0,
    0,
)


def rendered(shown: object) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_rules_are_listed_with_what_they_do_and_how_often_they_are_right() -> None:
    metrics = {RULE.id: RuleMetrics(1_204, 0, RIGHT), ROUTED.id: RuleMetrics(0, 31, RulePrecision())}
    text = rendered(rules_table([RULE, ROUTED], metrics))
    for part in ("polygon_min_area", "DELETE", "1,204", "n=133", "min_area_px = 5", "31 on trial", "seniors"):
        assert part in text
    assert "1 enforced, 1 on trial" in text
    assert "No polygon or mask is small." in rendered(descriptions_table([RULE]))


def test_a_run_says_what_it_costs_and_what_it_does_not_know() -> None:
    hit = RunHit(Finding(RULE.id, Severity.WARNING, "The polygon is small.", "a3"), "01LABEL", "01ASSET")
    text = rendered(run_view(RUN, [hit]))
    for part in (
        "200,000 looked at",
        "0.55%",
        "401.3 minutes",
        "129 right, 4 wrong",
        "a3",
        "1 of 1,204 hits",
    ):
        assert part in text
    assert "not known" in rendered(run_view(replace(RUN, precision=RulePrecision()), []))


def test_the_ids_of_runs_are_never_broken() -> None:
    live = replace(RUN, kind=RuleRunKind.LIVE, rule=None, total=0, looked=0, patched=12)
    going = replace(RUN, looked=1_000, state=RuleRunState.RUNNING)
    text = rendered(runs_table([RUN, live, going]))
    assert text.count(RUN.uid) == 3
    assert "of 200,000" in text
