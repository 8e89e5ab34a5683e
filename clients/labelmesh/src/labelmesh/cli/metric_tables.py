"""Metrics as tables."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from labelmesh.cli.console import bar, captioned, number, rate, table
from labelmesh.client import Metrics, Run, Shots, TaskCounts
from labelmesh.client.metric import CategoryScore, ConfusionCell, Reliability, RunMetrics

_MAX_MATRIX = 10
_MAX_ROWS = 30


def everything(metrics: Metrics, counts: TaskCounts, runs: Sequence[Run]) -> Iterator[RenderableType]:
    """The tables of a project, those without content left out."""
    yield overview(metrics, counts)
    if metrics.runs:
        yield per_run(metrics.runs, runs)
    if metrics.reliability.bins:
        yield reliability(metrics.reliability)
    if metrics.categories:
        yield per_category(metrics.categories)
    for tool in dict.fromkeys(cell.tool for cell in metrics.confusion):
        yield confusion(tool, [cell for cell in metrics.confusion if cell.tool == tool])


def overview(metrics: Metrics, counts: TaskCounts) -> RenderableType:
    """Counts and accuracy."""
    shown = table("what", "how much", title="Overview")
    shown.show_header = False
    shown.add_row("assets", f"{metrics.assets:,}")
    failed = f", {metrics.failed_predictions:,} without a usable answer" if metrics.failed_predictions else ""
    shown.add_row("predictions", f"{metrics.predictions:,}{failed}")
    queue = (
        f"{counts.waiting:,} waiting, {counts.open:,} open, {counts.leased:,} leased, {counts.done:,} done"
    )
    shown.add_row("queue", queue)
    reviews = f"{metrics.accepted:,} accepted, {metrics.corrected:,} corrected, {metrics.rejected:,} rejected"
    shown.add_row("reviews", reviews)
    shown.add_row("accuracy", Text(rate(metrics.accuracy), style="bold"))
    shown.add_row("findings", f"{metrics.findings:,} on {metrics.labels_with_findings:,} labels")
    reviewed = metrics.accepted + metrics.corrected + metrics.rejected
    if reviewed:
        seconds = f"{metrics.active_seconds:,.0f} s, {metrics.active_seconds / reviewed:,.1f} s an item"
        shown.add_row("reviewers' time", seconds)
    return shown


def per_run(scored: Sequence[RunMetrics], runs: Sequence[Run]) -> RenderableType:
    """Accuracy and F1 of each prediction run."""
    by_uid = {run.uid: run for run in runs}
    shown = table(
        "run", "shots", "accuracy [95 %] n", "F1", title="Prediction runs, oldest first", right=("F1",)
    )
    for metrics in scored:
        run = by_uid.get(metrics.run_uid)
        shots = "" if run is None else shots_of(run)
        shown.add_row(metrics.run_uid, shots, rate(metrics.accuracy), number(metrics.f1))
    return shown


def shots_of(run: Run) -> str:
    """`zero-shot` or `few-shot (3 examples)`."""
    return "zero-shot" if run.config.shots is Shots.ZERO else f"few-shot ({len(run.examples)} examples)"


def reliability(found: Reliability, title: str = "Reliability of the confidence") -> RenderableType:
    """Ten bins of confidence against the share that was right."""
    auroc = "-" if found.auroc is None else f"{found.auroc:.3f}"
    shown = table(
        "confidence",
        "n",
        "mean",
        "right [95 %]",
        "",
        title=title,
        right=("n", "mean"),
    )
    for item in found.bins:
        right = item.correct
        share = f"{right.value:.2f} [{right.lower:.2f}, {right.upper:.2f}]"
        shown.add_row(
            f"{item.lower:.1f} - {item.upper:.1f}",
            f"{right.n:,}",
            f"{item.mean_confidence:.2f}",
            share,
            Text(bar(right.value), style="cyan"),
        )
    return captioned(shown, f"ECE {found.ece:.3f} · Brier {found.brier:.3f} · AUROC {auroc}")


def per_category(scores: Sequence[CategoryScore]) -> RenderableType:
    """Precision, recall and F1 with their counts."""
    numbers = ("TP", "FP", "FN", "precision", "recall", "F1")
    several = len({score.tool for score in scores}) > 1
    shown = table(*(("tool",) if several else ()), "category", *numbers, title="Categories", right=numbers)
    for score in scores[:_MAX_ROWS]:
        counts = (score.true_positives, score.false_positives, score.false_negatives)
        shares = (score.precision, score.recall, score.f1)
        shown.add_row(
            *((score.tool,) if several else ()),
            score.category,
            *(f"{count:,}" for count in counts),
            *(number(share, 2) for share in shares),
        )
    return shown


def confusion(tool: str, cells: Sequence[ConfusionCell]) -> RenderableType:
    """Predicted (rows) against reviewed (columns); as a list when there are too many categories."""
    names = sorted({cell.predicted for cell in cells} | {cell.reviewed for cell in cells} - {""})
    title = f"Predicted (row) against reviewed (column), {tool}"
    if len(names) > _MAX_MATRIX:
        return _confusion_list(tool, cells)
    rows = [name for name in names if name] + ([""] if any(not cell.predicted for cell in cells) else [])
    columns = [name for name in names if name] + ([""] if any(not cell.reviewed for cell in cells) else [])
    counts = {(cell.predicted, cell.reviewed): cell.count for cell in cells}
    headings = [name or "(deleted)" for name in columns]
    shown = table("", *headings, title=title, right=headings)
    for row in rows:
        values = [_count(counts.get((row, column), 0), hit=row == column) for column in columns]
        shown.add_row(row or "(added)", *values)
    return shown


def _count(value: int, *, hit: bool) -> Text:
    if not value:
        return Text("·", style="dim")
    return Text(f"{value:,}", style="green" if hit else "red")


def _confusion_list(tool: str, cells: Sequence[ConfusionCell]) -> RenderableType:
    wrong = sorted((cell for cell in cells if cell.predicted != cell.reviewed), key=lambda cell: -cell.count)
    shown = table(
        "predicted", "reviewed", "count", title=f"Most frequent confusions, {tool}", right=("count",)
    )
    for cell in wrong[:_MAX_ROWS]:
        shown.add_row(cell.predicted or "(added)", cell.reviewed or "(deleted)", f"{cell.count:,}")
    return shown
