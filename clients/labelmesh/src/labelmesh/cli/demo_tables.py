"""What a demo measured, as tables."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import RenderableType

from labelmesh.cli import metric_tables
from labelmesh.cli.console import captioned, number, rate, table
from labelmesh.demo.summary import Batch, ProjectSummary, Summary

_STEPS = (
    "import batch 1",
    "annotate zero-shot",
    "rules and queue 1",
    "review batch 1",
    "fill example bank",
    "import batch 2",
    "annotate few-shot",
    "rules and queue 2",
    "review batch 2",
    "export",
)


def everything(summary: Summary) -> Iterator[RenderableType]:
    """Results, confidence and seconds."""
    yield _results(summary)
    for project in summary.projects:
        if project.metrics is not None and project.metrics.reliability.bins:
            title = f"{project.name}: reliability of confidence"
            yield metric_tables.reliability(project.metrics.reliability, title)
    yield _seconds(summary)


def _results(summary: Summary) -> RenderableType:
    columns = [f"{project.name} ({project.title})" for project in summary.projects]
    shown = table("", *columns, title=f"The demo's result, model {summary.model}")
    for name, cell in _ROWS:
        if name in _SECTIONS:
            shown.add_section()
        shown.add_row(name, *(cell(project) for project in summary.projects))
    return captioned(
        shown,
        f"Review by the {summary.reviewer}. Accuracy: the reviewer left the whole label unchanged, with its 95 % "
        "Wilson interval. First / last quarter: wrong predictions among the first and last tasks that the queue "
        "handed out. Zero-shot and few-shot are measured on different halves of the texts.",
    )


def _items(project: ProjectSummary) -> str:
    halves = " + ".join(str(batch.items) for batch in project.batches)
    return f"{project.items} ({halves})"


def _batch_cell(place: int, cell: Callable[[Batch], str]) -> Callable[[ProjectSummary], str]:
    return lambda project: cell(project.batches[place]) if len(project.batches) > place else "-"


def _accuracy(batch: Batch) -> str:
    return rate(batch.metrics.accuracy)


def _f1(batch: Batch) -> str:
    return number(next((run.f1 for run in batch.metrics.runs if run.run_uid == batch.run.uid), None))


def _confidence(batch: Batch) -> str:
    found = batch.metrics.reliability
    return f"ECE {found.ece:.3f}, AUROC {number(found.auroc)}"


def _order(batch: Batch) -> str:
    order = batch.order
    return f"{order.first_wrong} of {order.first_size} / {order.last_wrong} of {order.last_size}"


def _run(batch: Batch) -> str:
    run = batch.run
    seconds = (run.end_time_us - run.create_time_us) / 1e6
    speed = f"{run.finished / seconds:.2f}/s" if seconds > 0 else "-"
    failed = f", {run.failed} failed" if run.failed else ""
    examples = f", {len(run.examples)} examples" if run.examples else ""
    return f"{run.succeeded} answers{failed}, {speed}{examples}"


def _reviews(project: ProjectSummary) -> str:
    metrics = project.metrics
    if metrics is None:
        return "-"
    rejected = f", {metrics.rejected} rejected" if metrics.rejected else ""
    return f"{metrics.accepted} accepted, {metrics.corrected} corrected{rejected}"


def _findings(project: ProjectSummary) -> str:
    metrics = project.metrics
    return "-" if metrics is None else f"{metrics.findings} on {metrics.labels_with_findings} labels"


def _queue(project: ProjectSummary) -> str:
    counts = project.tasks
    return "-" if counts is None else f"{counts.waiting} waiting, {counts.open} open, {counts.done} done"


def _exports(project: ProjectSummary) -> str:
    return ", ".join(f"{name} ({done.written})" for name, done in project.exports.items())


_ROWS: Sequence[tuple[str, Callable[[ProjectSummary], str]]] = (
    ("items (batch 1 + 2)", _items),
    ("zero-shot: model", _batch_cell(0, _run)),
    ("zero-shot: accuracy", _batch_cell(0, _accuracy)),
    ("zero-shot: F1 of annotations", _batch_cell(0, _f1)),
    ("zero-shot: confidence", _batch_cell(0, _confidence)),
    ("zero-shot: wrong in first / last quarter", _batch_cell(0, _order)),
    ("examples in the bank", lambda project: str(project.example_bank)),
    ("few-shot: model", _batch_cell(1, _run)),
    ("few-shot: accuracy", _batch_cell(1, _accuracy)),
    ("few-shot: F1 of annotations", _batch_cell(1, _f1)),
    ("few-shot: confidence", _batch_cell(1, _confidence)),
    ("few-shot: wrong in first / last quarter", _batch_cell(1, _order)),
    ("reviews", _reviews),
    ("findings", _findings),
    ("queue at the end", _queue),
    ("exported", _exports),
)
_SECTIONS = frozenset({"zero-shot: model", "examples in the bank", "reviews"})


def _seconds(summary: Summary) -> RenderableType:
    names = [project.name for project in summary.projects]
    caption = f"start of all processes {summary.seconds_to_start:.1f} s · in all {summary.seconds:.1f} s"
    shown = table("step", *names, title="Seconds a step", right=names)
    for step in _STEPS:
        shown.add_row(step, *(f"{project.seconds.get(step, 0.0):.1f}" for project in summary.projects))
    return captioned(shown, caption)
