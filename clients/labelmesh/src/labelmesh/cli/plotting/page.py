"""One page of charts about a project."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from labelmesh.cli.errors import UserError
from labelmesh.client import Client, Lift, MetricQuery, MetricRow, Metrics
from labelmesh.client.measure import Group, Metric, Step

_DPI = 130
_DAYS = 60
_SPEEDS = (Metric.REVIEWS, Metric.LABELS_PER_HOUR, Metric.ACCURACY)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is drawn: the project's metrics, its rows by class, by day and by run, and what predictions are worth."""

    project: str
    metrics: Metrics
    whole: MetricRow
    classes: list[MetricRow]
    days: list[MetricRow]
    runs: list[MetricRow]
    lift: Lift


def check() -> None:
    """Raise UserError when the drawing library is not installed."""
    if find_spec("matplotlib") is None:
        raise UserError("Charts need matplotlib: pip install 'labelmesh[plots]'.")


async def gather(client: Client, project: str, query: MetricQuery) -> Numbers:
    """Ask for all that the page shows, narrowed like `query`."""
    asked = replace(query, group=Group.NONE, step=Step.NONE, category="")
    (whole,) = await client.measures.query(project, asked)
    return Numbers(
        project=project,
        metrics=await client.projects.metrics(project, query.run_uid),
        whole=whole,
        classes=await client.measures.query(project, replace(asked, group=Group.CATEGORY)),
        days=await client.measures.query(project, replace(asked, metrics=_SPEEDS, step=Step.DAY)),
        runs=await client.measures.query(project, replace(asked, metrics=_SPEEDS, group=Group.RUN)),
        lift=await client.measures.lift(project),
    )


def draw(numbers: Numbers, path: Path) -> None:
    """Draw the page into a PNG. Raises UserError when the file cannot be written."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from labelmesh.cli.plotting import panels, speed

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12, wspace=0.04, hspace=0.05)
    figure = Figure(figsize=(16, 9.6), dpi=_DPI, facecolor="white", layout=layout)
    axes = figure.subplots(2, 3)
    panels.reliability(axes[0][0], numbers.metrics.reliability)
    panels.confusion(axes[0][1], numbers.metrics.confusion)
    panels.by_class(axes[0][2], numbers.classes)
    speed.throughput(axes[1][0], numbers.days[-_DAYS:])
    speed.learning(axes[1][1], numbers.days[-_DAYS:], numbers.runs)
    speed.worth(axes[1][2], numbers.lift)
    figure.suptitle(_title(numbers), fontsize=13, fontweight="bold", x=0.01, ha="left")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def _title(numbers: Numbers) -> str:
    answers = numbers.whole.values[Metric.REVIEWS].n
    return f"{numbers.project}: {answers:,} answers. Whiskers are 95 % intervals."
