"""What is printed fits 100 columns and says what it must."""

from io import StringIO

from rich.console import Console, RenderableType

from labelmesh.cli import demo_tables, metric_tables
from labelmesh.client import Metrics, Rate, Run, RunConfig, RunState, Shots, TaskCounts
from labelmesh.client.files.writing import Exported
from labelmesh.client.metric import CategoryScore, ConfusionCell, Reliability, ReliabilityBin, RunMetrics
from labelmesh.demo.reviewer import Reviewed
from labelmesh.demo.summary import Batch, ProjectSummary, Summary, order_of

UID = "01JD8Q2ZB4E6M4K0P9V8T7S6R5"
RATE = Rate(40, 45, 0.889, 0.765, 0.952)
CATEGORIES = ("billing", "delivery", "defect", "account", "other")


def run(shots: Shots) -> Run:
    config = RunConfig(shots)
    examples = ("e",) * 5 if shots is Shots.FEW else ()
    return Run(
        "tickets",
        UID,
        config,
        RunState.DONE,
        "",
        45,
        44,
        1,
        "qwen",
        1,
        examples,
        9000,
        300,
        45,
        0,
        50_000_000,
    )


def metrics(runs: tuple[RunMetrics, ...]) -> Metrics:
    bins = (
        ReliabilityBin(0.4, 0.5, 0.45, Rate(1, 3, 0.33, 0.06, 0.79)),
        ReliabilityBin(0.9, 1.0, 0.97, RATE),
    )
    cells = tuple(ConfusionCell("topic", one, other, 3) for one in CATEGORIES for other in (*CATEGORIES, ""))
    scores = tuple(CategoryScore("topic", name, 9, 1, 0) for name in CATEGORIES)
    reliability = Reliability(bins, 0.1, 0.2, 0.83)
    return Metrics(45, 45, 1, 40, 5, 0, RATE, reliability, cells, scores, runs, 2, 3, 90.0)


def printed(*parts: RenderableType) -> str:
    screen = StringIO()
    console = Console(file=screen, width=100)
    for part in parts:
        console.print(part)
    return screen.getvalue()


def test_metrics_show_interval_n_and_every_table() -> None:
    shown = printed(
        *metric_tables.everything(
            metrics((RunMetrics(UID, RATE, 0.9),)), TaskCounts(0, 3, 1, 45), [run(Shots.FEW)]
        )
    )
    for wanted in (
        "0.889 [0.77, 0.95] n=45",
        UID,
        "few-shot (5 examples)",
        "AUROC 0.830",
        "(deleted)",
        "2.0 s an item",
    ):
        assert wanted in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_the_demo_says_who_reviewed_and_how_the_queue_was_ordered() -> None:
    answers = [Reviewed(f"k{i}", was_right=i > 8, confidence=0.5, findings=0) for i in range(45)]
    batches = [
        Batch(name, 45, run(shots), metrics((RunMetrics(UID, RATE, None),)), order_of(answers))
        for name, shots in (("zero-shot", Shots.ZERO), ("few-shot", Shots.FEW))
    ]
    projects = [
        ProjectSummary(
            name,
            "Customer messages",
            90,
            batches,
            metrics(()),
            TaskCounts(0, 0, 0, 90),
            45,
            {f"{name}.jsonl": Exported(written=90)},
            {"annotate zero-shot": 60.3},
        )
        for name in ("tickets", "news")
    ]
    summary = Summary(
        "qwen2.5-coder-1.5b", "simulated-reviewer (reads the gold answers)", 8.5, projects, 250.0
    )
    shown = printed(*demo_tables.everything(summary))
    for wanted in (
        "simulated-reviewer (reads the gold answers)",
        "9 of 11 / 0 of 11",
        "tickets.jsonl (90)",
        "60.3",
    ):
        assert wanted in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_a_project_without_reviews_divides_by_nothing() -> None:
    nothing = Rate(0, 0, 0.0, 0.0, 0.0)
    empty = Metrics(0, 0, 0, 0, 0, 0, nothing, Reliability((), 0, 0, None), (), (), (), 0, 0, 0.0)
    assert "no reviews" in printed(*metric_tables.everything(empty, TaskCounts(0, 0, 0, 0), []))
