"""Metrics by time and group, and lift reports, as tables: no number without its n and its interval."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from labelmesh.cli.console import captioned, table
from labelmesh.client.measure import Estimate, Lift, Metric, MetricRow, Step, Verdict

_TITLES = {
    Metric.REVIEWS: "answers",
    Metric.LABELS_PER_HOUR: "labels/h",
    Metric.ACTIVE_SECONDS_MEDIAN: "median s",
    Metric.ACTIVE_SECONDS_MEAN: "mean s",
    Metric.ACCURACY: "accuracy",
    Metric.GOLD_ACCURACY: "against gold",
    Metric.F1: "F1",
    Metric.OVERLAP: "overlap (IoU)",
    Metric.FALSE_POSITIVES: "false positives",
    Metric.FALSE_NEGATIVES: "false negatives",
    Metric.REWORK: "rework",
    Metric.SEND_BACKS: "sent back",
}
_MEANINGS = {
    Metric.LABELS_PER_HOUR: "answers in an hour of active work",
    Metric.ACTIVE_SECONDS_MEDIAN: "active seconds of an answer, half take less",
    Metric.ACTIVE_SECONDS_MEAN: "active seconds of an answer, on average",
    Metric.ACCURACY: "predictions left unchanged",
    Metric.GOLD_ACCURACY: "answers to gold assets that are right",
    Metric.F1: "predicted and final annotations that coincide",
    Metric.OVERLAP: "how much of their place coincides",
    Metric.FALSE_POSITIVES: "of the predicted, not confirmed",
    Metric.FALSE_NEGATIVES: "of the final, not predicted",
    Metric.REWORK: "answers changed or sent back later",
    Metric.SEND_BACKS: "of the tasks looked at",
}
_SPEEDS = (Metric.LABELS_PER_HOUR, Metric.ACTIVE_SECONDS_MEDIAN, Metric.ACTIVE_SECONDS_MEAN)
OF_ANSWERS = (
    Metric.REVIEWS,
    Metric.LABELS_PER_HOUR,
    Metric.ACTIVE_SECONDS_MEDIAN,
    Metric.ACCURACY,
    Metric.GOLD_ACCURACY,
    Metric.REWORK,
)
OF_CATEGORIES = (Metric.F1, Metric.OVERLAP, Metric.FALSE_POSITIVES, Metric.FALSE_NEGATIVES)
MAX_ROWS = 60
_CAPTION = "[ ] is the 95 % interval; n is the number of answers where it is not given (docs/metrics.md)"


def digits(metric: Metric) -> int:
    """Decimals that a metric is shown with."""
    return 0 if metric is Metric.LABELS_PER_HOUR else 1 if metric in _SPEEDS else 3


def interval(found: Estimate, decimals: int) -> str:
    """`[0.78, 0.94]`, or nothing where the sample is too small for one."""
    if found.lower is None or found.upper is None:
        return ""
    decimals = min(decimals, 2)
    return f"[{found.lower:,.{decimals}f}, {found.upper:,.{decimals}f}]"


def cell(metric: Metric, found: Estimate | None, answers: int) -> Text:
    """The number, below it its interval, and n where that is not the number of answers."""
    if found is None or found.value is None:
        return Text("-", style="dim")
    if metric is Metric.REVIEWS:
        return Text(f"{found.value:,.0f}")
    decimals = digits(metric)
    below = [interval(found, decimals), "" if found.n == answers else f"n={found.n:,}"]
    return Text.assemble(f"{found.value:,.{decimals}f}", *((f"\n{line}", "dim") for line in below if line))


def key_numbers(row: MetricRow) -> RenderableType:
    """The main numbers of a project, one a line."""
    shown = table(
        "metric", "value", "95 % interval", "n", "what it is", title="Key numbers", right=("value", "n")
    )
    for metric, meaning in _MEANINGS.items():
        found = row.values.get(metric)
        if found is None:
            continue
        value = "-" if found.value is None else f"{found.value:,.{digits(metric)}f}"
        style = "dim" if found.value is None else ""
        shown.add_row(
            Text(_TITLES[metric], style=style),
            Text(value, style=style or "bold"),
            interval(found, digits(metric)),
            Text(f"{found.n:,}", style=style),
            Text(meaning, style="dim"),
        )
    return shown


def by_group(rows: Sequence[MetricRow], metrics: Sequence[Metric], what: str, step: Step) -> RenderableType:
    """A row for each group or time; the last ones where there are too many."""
    several = len({row.tool for row in rows}) > 1
    stepped = step is not Step.NONE
    heading = [*([f"{step.lower()} (UTC)"] if stepped else []), *(["tool"] if several else [])]
    heading += [what] if what else []
    titles = [_TITLES[metric] for metric in metrics]
    by = " and ".join(filter(None, (what, step.lower() if stepped else "")))
    shown = table(*heading, *titles, title=f"By {by}", right=titles)
    for column in shown.columns[: 2 if stepped else 1]:
        column.no_wrap = True
    for row in rows[-MAX_ROWS:]:
        first = [moment(row.start_us, step)] if stepped else []
        names = [*([row.tool] if several else []), *([row.name or "(none)"] if what else [])]
        answers = row.values[Metric.REVIEWS].n if Metric.REVIEWS in row.values else -1
        cells = [cell(metric, row.values.get(metric), answers) for metric in metrics]
        shown.add_row(*first, *names, *cells)
    left = len(rows) - MAX_ROWS
    more = f" · {left:,} earlier rows are in --json" if left > 0 else ""
    return captioned(shown, _CAPTION + more)


def moment(time_us: int, step: Step) -> str:
    """The beginning of a step, in UTC."""
    form = "%Y-%m-%d %H:%M" if step is Step.HOUR else "%Y-%m-%d"
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime(form)


_VERDICTS = {
    Verdict.REACHED: "green",
    Verdict.NOT_REACHED: "red",
    Verdict.UNDECIDED: "yellow",
    Verdict.TOO_FEW: "dim",
}


def lift(found: Lift) -> RenderableType:
    """The two kinds of answer beside each other, then what differs, then one sentence."""
    arms = table("", "with the prediction", "without it", title=f"Experiment {found.experiment}", right=())
    for name, decimals, pick in _ARM_LINES:
        arms.add_row(name, _both(pick(found.assisted), decimals), _both(pick(found.held_out), decimals))
    effects = table("effect of showing it", "value", "95 % interval", "n", right=("value", "n"))
    for name, estimate, form in (
        ("speed-up (labels/h)", found.speed_up, "{:.2f} x"),
        ("speed-up (geometric)", found.typical_speed_up, "{:.2f} x"),
        ("pull towards the prediction", found.pull, "{:+.3f}"),
        ("wrong where it was wrong", found.anchoring, "{:+.3f}"),
        ("accuracy against gold", found.quality, "{:+.3f}"),
        ("rework", found.rework, "{:+.3f}"),
    ):
        effects.add_row(name, *_effect(estimate, form), f"{estimate.n:,}")
    return Stack(arms, Text(), effects, Text(), *map(_sentence, _sentences(found)))


_ARM_LINES = (
    ("answers", 0, lambda arm: Estimate(arm.answers, float(arm.answers))),
    ("labels/h", 0, lambda arm: arm.labels_per_hour),
    ("mean s", 1, lambda arm: arm.mean_seconds),
    ("median s", 1, lambda arm: arm.median_seconds),
    ("agrees with the prediction", 3, lambda arm: arm.agreement),
    ("right by gold", 3, lambda arm: arm.gold_accuracy),
    ("rework", 3, lambda arm: arm.rework),
)


def _both(found: Estimate, decimals: int) -> Text:
    if found.value is None:
        return Text("-", style="dim")
    below = " ".join(filter(None, (interval(found, decimals), f"n={found.n:,}")))
    return Text.assemble(f"{found.value:,.{decimals}f} ", (below, "dim"))


def _effect(found: Estimate, form: str) -> tuple[Text, str]:
    if found.value is None:
        return Text("-", style="dim"), ""
    ends = "" if found.lower is None else f"[{found.lower:+.2f}, {found.upper:+.2f}]"
    return Text(form.format(found.value), style="bold"), ends.replace("+", "") if "x" in form else ends


def _sentence(told: tuple[str, Verdict]) -> Text:
    text, verdict = told
    return Text(text, style=_VERDICTS[verdict])


def _sentences(found: Lift) -> list[tuple[str, Verdict]]:
    return [(speed_sentence(found), found.verdict), (quality_sentence(found), found.not_worse)]


def speed_sentence(found: Lift) -> str:
    """What the experiment says about the target, in words."""
    if not found.experiment:
        return "Nothing is held back yet, so nothing can be said: `labelmesh metrics holdout PROJECT --share 0.1`."
    target = f"{found.target:g} times"
    told = found.speed_up
    if found.verdict is Verdict.TOO_FEW or told.value is None:
        return f"Too few timed answers to say anything about speed: 10 of each kind are needed ({_sizes(found)})."
    ends = f"{told.value:.2f} times [{told.lower:.2f}, {told.upper:.2f}]"
    return {
        Verdict.REACHED: f"The prediction makes reviewers {ends} as fast: {target} is reached.",
        Verdict.NOT_REACHED: f"The prediction makes reviewers {ends} as fast: {target} is NOT reached.",
        Verdict.UNDECIDED: f"The prediction makes reviewers {ends} as fast: whether {target} is reached is open.",
    }[found.verdict]


def quality_sentence(found: Lift) -> str:
    """Whether answers are as good with the prediction, in words."""
    return {
        Verdict.REACHED: "Answers with it are no worse than without it (margin 0.02, by gold).",
        Verdict.NOT_REACHED: "Answers with it are WORSE than without it by more than 0.02 (by gold).",
        Verdict.UNDECIDED: "Whether answers with it are as good (margin 0.02) is open: more gold answers are needed.",
        Verdict.TOO_FEW: "Nothing can be said about quality: no gold asset was answered on both sides.",
    }[found.not_worse]


def _sizes(found: Lift) -> str:
    return f"{found.assisted.mean_seconds.n} with it, {found.held_out.mean_seconds.n} without it so far"
