"""How rules and their runs look on a screen."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labelmesh.cli.console import bar, captioned, plural, state, table, when
from labelmesh.client import (
    ReviewTimeSource,
    Rule,
    RuleAction,
    RuleMetrics,
    RuleMode,
    RuleParameter,
    RulePrecision,
    RuleRun,
    RunHit,
)

_MODES = {RuleMode.DISABLED: "dim", RuleMode.SHADOW: "magenta", RuleMode.ENFORCE: "green"}
_ACTIONS = {RuleAction.DELETE: "red", RuleAction.FIX: "yellow", RuleAction.BLOCK: "bold yellow"}


def rules_table(rules: Sequence[Rule], metrics: Mapping[str, RuleMetrics]) -> RenderableType:
    """The rules with what they found and how often they were right."""
    shown = table("rule", "mode", "action", "hits", "precision", "parameters", right=("hits",))
    shown.columns[0].no_wrap = True
    for rule in rules:
        counted = metrics.get(rule.id)
        dim = "" if rule.enabled else "dim"
        shown.add_row(
            Text(rule.id, dim),
            mode(rule.mode),
            action(rule),
            _hits(counted),
            _measured(counted),
            Text("\n".join([*map(parameter, rule.parameters), *filter(None, [schedule(rule)])]), dim),
        )
    on = sum(rule.mode is RuleMode.ENFORCE for rule in rules)
    trial = sum(rule.mode is RuleMode.SHADOW for rule in rules)
    return captioned(
        shown, f"{plural(len(rules), 'rule')}: {on} enforced, {trial} on trial. --long says what each checks."
    )


def descriptions_table(rules: Sequence[Rule]) -> Table:
    """What each rule checks."""
    shown = table("rule", "mode", "severity", "what it checks")
    shown.columns[0].no_wrap = True
    for rule in rules:
        shown.add_row(rule.id, mode(rule.mode), state(rule.severity), rule.description)
    return shown


def _hits(metrics: RuleMetrics | None) -> str:
    if metrics is None or not (metrics.findings or metrics.shadow_findings):
        return ""
    parts = [f"{metrics.findings:,}"] if metrics.findings else []
    parts += [f"{metrics.shadow_findings:,} on trial"] if metrics.shadow_findings else []
    return "\n".join(parts)


def _measured(metrics: RuleMetrics | None) -> str:
    if metrics is None or not metrics.precision.right + metrics.precision.wrong:
        return ""
    return precision(metrics.precision).replace(" [", "\n[", 1)


def mode(value: RuleMode | None) -> Text:
    """A mode in its colour."""
    return Text(value or "", _MODES.get(value, "") if value else "")


def action(rule: Rule) -> Text:
    """What a rule does about what it finds."""
    said = rule.action or RuleAction.FLAG
    if said is RuleAction.ROUTE:
        pool = f" to {rule.route_pool}" if rule.route_pool else ""
        return Text(f"ROUTE{pool} +{rule.route_boost:g}", "cyan")
    return Text(said, _ACTIONS.get(said, ""))


def schedule(rule: Rule) -> str:
    """`every 60 minutes`; empty of a rule that is only asked about labels as they come."""
    if rule.schedule_minutes is None:
        return ""
    return f"every {rule.schedule_minutes:,} minutes" if rule.schedule_minutes else "never on a schedule"


def precision(value: RulePrecision) -> str:
    """`0.97 [0.93, 0.99] n=133`, or a dash where nobody has said anything."""
    n = value.right + value.wrong
    return f"{value.estimate:.2f} [{value.lower:.2f}, {value.upper:.2f}] n={n:,}" if n else "-"


def parameter(value: RuleParameter) -> str:
    """`min_area_px = 5`."""
    said = ", ".join(value.texts) if value.takes_texts else f"{value.value:g}"
    return f"{value.name} = {said}"


def run_view(run: RuleRun, hits: Sequence[RunHit]) -> RenderableType:
    """What a run came to, and some of what it found."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    if run.rule is not None:
        said = ", ".join([str(action(run.rule)), run.rule.severity, *map(parameter, run.rule.parameters)])
        facts.add_row("rule", Text(f"{run.rule.id}  ({said})"))
    share = f"{run.hit_rate:.2%}" if run.looked else "-"
    facts.add_row("labels", Text(f"{run.looked:,} looked at, {run.hit_labels:,} with a hit"))
    facts.add_row("hit rate", Text.assemble(f"{share}  ", (bar(run.hit_rate), "cyan")))
    facts.add_row("hits", f"{run.hits:,}")
    if run.patched:
        facts.add_row("changed", f"{plural(run.patched, 'label')} asked to change")
    if run.unchecked_labels:
        facts.add_row(
            "not checked", Text(f"{plural(run.unchecked_labels, 'label')} that it failed on", "yellow")
        )
    facts.add_row("for people", f"{run.reviewer_minutes:,.1f} minutes to look at every hit ({_time(run)})")
    facts.add_row("precision", _believed(run.precision))
    parts: list[RenderableType] = [facts]
    if hits:
        parts += [
            Text(),
            hits_table(hits),
            Text(f"{len(hits):,} of {plural(run.hits, 'hit')}, drawn evenly", "dim"),
        ]
    return Group(*parts)


def _time(run: RuleRun) -> str:
    """Where the minutes come from."""
    seconds = f"{run.review_seconds:,.1f} s"
    if run.review_time_source is ReviewTimeSource.REVIEWS:
        return f"{seconds} a label, the median of the project's reviews"
    return f"{seconds} a hit{'' if run.review_time_source is ReviewTimeSource.REQUEST else ', a guess'}"


def _believed(value: RulePrecision) -> Text:
    if not value.right + value.wrong:
        return Text("not known: nobody has reviewed or judged any of these hits", "yellow")
    return Text(f"{precision(value)}  ({value.right:,} right, {value.wrong:,} wrong by people's word)")


def hits_table(hits: Sequence[RunHit]) -> Table:
    """What a run found."""
    shown = table("severity", "annotation", "finding", "label")
    for hit in hits:
        finding = hit.finding
        shown.add_row(state(finding.severity), finding.annotation_id or "-", finding.message, hit.label_uid)
    return shown


def runs_table(runs: Sequence[RuleRun]) -> Table:
    """Runs, one a line."""
    shown = table("run", "rule", "state", "labels", "outcome", "precision", right=("labels", "outcome"))
    for column in shown.columns:
        column.no_wrap = True
    for run in runs:
        looked = f"{run.looked:,}\nof {run.total:,}" if run.looked < run.total else f"{run.looked:,}"
        outcome = [plural(run.hits, "hit")] if run.total else []
        outcome += [f"{run.patched:,} changed"] if run.patched else []
        judged = run.precision.right + run.precision.wrong
        believed = f"{run.precision.estimate:.2f}, at\nleast {run.precision.lower:.2f}" if judged else ""
        shown.add_row(
            run.uid,
            Text.assemble(run.rule.id if run.rule else "all enforced", "\n", (run.kind, "dim")),
            Text.assemble(state(run.state), "\n", (when(run.create_time_us), "dim")),
            looked if run.total else "",
            "\n".join(outcome),
            believed,
        )
    return shown
