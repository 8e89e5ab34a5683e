"""How the review queue looks in a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from labelmesh.cli import label_tables
from labelmesh.cli.console import bar, captioned, number, plural, state, table
from labelmesh.client import Explanation, Task, TaskCounts
from labelmesh.client.task import MAX_AHEAD
from labels.label import SEVERITY_WEIGHT

_EXCERPT = 28
_TERMS = {
    "uncertainty": "1 - confidence",
    "findings": "worst finding",
    "age_per_hour": "hours waited",
    "disagreement": "answers differ",
    "business": "what it is worth",
    "novelty": "unlike what was answered",
    "boost": "added by a rule",
}


def tasks(shown: Sequence[Task], total: int) -> RenderableType:
    """The tasks with what decides on their order."""
    numbers = ("priority", "conf.", "age")
    made = table("priority", "key", "state", "label", "conf.", "", "findings", "by", "age", right=numbers)
    for task in shown:
        confidence = confidence_of(task)
        made.add_row(
            f"{task.priority:.3f}",
            label_tables.short(task.asset.key, _EXCERPT),
            state(task.state),
            claims(task),
            number(confidence, 2),
            Text("" if confidence is None else bar(confidence, 6), style="cyan"),
            findings(task),
            label_tables.short(task.reviewer, _EXCERPT),
            age(task.terms.age_hours),
        )
    return captioned(made, plural(total, "task"))


def confidence_of(task: Task) -> float | None:
    """How sure the model was of the label that is up for review, or was before the answer."""
    if task.label and task.label.confidence:
        return task.label.confidence.raw
    # A person's label has none, but the task's priority remembers the prediction's.
    return 1.0 - task.terms.uncertainty if task.terms.uncertainty < 1.0 else None


def claims(task: Task) -> Text:
    """The label's categories, the most frequent first, or why there is none."""
    if task.label is None:
        return Text(task.prediction_error.lower().replace("_", " ") or "-", style="dim")
    return label_tables.claims(task.label)


def findings(task: Task) -> Text:
    """The worst severity that the task's priority counts, in its colour, and how many findings there are now."""
    named = {weight: severity for severity, weight in SEVERITY_WEIGHT.items()}
    return label_tables.severity(named.get(task.terms.severity), len(task.findings))


def age(hours: float) -> str:
    """`12 min`, `5 h`, `3 d`."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:,.0f} d"


def counts(found: TaskCounts, every: TaskCounts) -> RenderableType:
    """Tasks by state with their shares; under a filter also how many there are in all."""
    filtered = found != every
    made = table("state", "tasks", *(("of",) if filtered else ()), "", right=("tasks", "of"))
    for name in ("waiting", "open", "leased", "done"):
        n, of = getattr(found, name), getattr(every, name)
        share = n / found.total if found.total else 0.0
        made.add_row(
            state(name.upper()),
            f"{n:,}",
            *((f"{of:,}",) if filtered else ()),
            Text(bar(share, 24), style="cyan"),
        )
    total = f"{found.total:,} of {plural(every.total, 'task')}" if filtered else plural(every.total, "task")
    return captioned(made, total)


def explanation(task: Task, found: Explanation) -> RenderableType:
    """The formula with this task's numbers in it."""
    numbers = ("weight", "value", "adds")
    made = table("term", "weight", "value", "adds", "", right=numbers)
    most = max((abs(term.contribution) for term in found.terms), default=0.0) or 1.0
    for term in found.terms:
        made.add_row(
            f"{term.name}  ({_TERMS[term.name]})" if term.name in _TERMS else term.name,
            f"{term.weight:g}",
            f"{term.value:.3f}",
            f"{term.contribution:.3f}",
            Text(bar(term.contribution / most, 16), style="cyan"),
        )
    made.add_section()
    made.add_row(Text("priority", style="bold"), "", "", Text(f"{found.priority:.3f}", style="bold"), "")
    return Group(Text.assemble((task.asset.key, "bold cyan"), "  ", state(found.state)), made, place(found))


def place(found: Explanation) -> Text:
    """Where the task stands, in a sentence."""
    if found.state != "OPEN":
        return Text("The task is not open, so it has no place in the queue now.", style="dim")
    if not found.ahead:
        return Text("It is the next one.", style="green")
    at_least = "At least " if found.ahead >= MAX_AHEAD else ""
    comes = "comes" if found.ahead == 1 else "come"
    return Text(f"{at_least}{plural(found.ahead, 'open task')} {comes} before it.", style="dim")
