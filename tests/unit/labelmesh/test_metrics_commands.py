"""How metrics look on a screen and in a picture, and how long a reviewer is taken to be at work."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from labelmesh.cli import measure_tables
from labelmesh.cli.app import app
from labelmesh.cli.errors import UserError
from labelmesh.cli.plotting import page
from labelmesh.cli.reviewing.active import IDLE_SECONDS, ActiveClock
from labelmesh.cli.windows import start_of
from labelmesh.client.measure import Estimate, Lift, LiftArm, Metric, MetricRow, Step, Verdict
from labelmesh.client.metric import ConfusionCell, Metrics, Rate, Reliability, ReliabilityBin

DAY_US = 86_400_000_000
NONE = Estimate(0)
RATE = Rate(80, 100, 0.8, 0.71, 0.87)


def rendered(shown: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def row(name: str = "", day: int = 0, n: int = 40) -> MetricRow:
    values = dict.fromkeys(Metric, Estimate(n, 0.8, 0.7, 0.9)) | {
        Metric.REVIEWS: Estimate(n, float(n)),
        Metric.LABELS_PER_HOUR: Estimate(n, 250.0, 200.0, 300.0),
        Metric.GOLD_ACCURACY: NONE,
        Metric.ACCURACY: Estimate(n - 3, 0.8, 0.7, 0.9),
    }
    return MetricRow(day * DAY_US, (day + 1) * DAY_US, "topic", name, values)


def arm(seconds: float, n: int = 50) -> LiftArm:
    timed = Estimate(n, seconds, seconds * 0.9, seconds * 1.1)
    speed = Estimate(n, 3_600 / seconds, 3_000 / seconds, 4_000 / seconds)
    return LiftArm(
        n, speed, timed, timed, Estimate(n, 0.9, 0.8, 0.95), NONE, NONE, Estimate(n, 0.0, 0.0, 0.07)
    )


def lift(verdict: Verdict, value: float = 3.5, experiment: int = 2) -> Lift:
    ratio = Estimate(100, value, value * 0.9, value * 1.1)
    return Lift(
        experiment, 3.0, arm(5.0), arm(17.5), ratio, ratio, verdict, NONE, NONE, NONE, Verdict.TOO_FEW, NONE
    )


def test_no_number_stands_without_its_interval_and_n() -> None:
    text = rendered(measure_tables.key_numbers(row()), 120)
    assert "0.800   [0.70, 0.90]" in text
    for line in text.splitlines()[3:]:
        assert " 40 " in line or " 37 " in line or "against gold          -" in line


def test_groups_show_n_where_it_is_not_that_of_the_answers() -> None:
    rows = [row("ann", day) for day in range(3)]
    text = rendered(measure_tables.by_group(rows, measure_tables.OF_ANSWERS, "reviewer", Step.DAY))
    assert "By reviewer and day" in text
    assert "1970-01-02" in text
    assert "n=37" in text
    assert "n=40" not in text


def test_many_rows_end_with_the_newest_and_say_so() -> None:
    rows = [row("", day) for day in range(measure_tables.MAX_ROWS + 5)]
    text = rendered(measure_tables.by_group(rows, measure_tables.OF_ANSWERS, "", Step.DAY), 140)
    assert "5 earlier rows are in --json" in text
    assert "1970-01-05" not in text
    assert "1970-03-06" in text


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lift(Verdict.REACHED), "3.50 times [3.15, 3.85] as fast: 3 times is reached."),
        (lift(Verdict.NOT_REACHED, 2.0), "3 times is NOT reached."),
        (lift(Verdict.UNDECIDED, 3.0), "whether 3 times is reached is open."),
        (lift(Verdict.TOO_FEW), "Too few timed answers"),
        (lift(Verdict.TOO_FEW, experiment=0), "Nothing is held back yet"),
    ],
)
def test_a_lift_report_says_plainly_what_was_shown(found: Lift, said: str) -> None:
    assert said in " ".join(rendered(measure_tables.lift(found), 200).split())


def numbers(*, empty: bool) -> page.Numbers:
    bins = tuple(ReliabilityBin(i / 10, (i + 1) / 10, i / 10 + 0.05, RATE) for i in range(10))
    names = [f"class {i:02}" for i in range(30)]
    cells = tuple(
        ConfusionCell("topic", a, b, 9 if a == b else 1) for a in names[:12] for b in (a, "class 01", "")
    )
    metrics = Metrics(
        *(10, 10, 0, 5, 5, 0),
        RATE,
        Reliability(() if empty else bins, 0.1, 0.2, None),
        () if empty else cells,
        *((), (), 0, 0, 5.0),
    )
    nothing = MetricRow(0, 0, "", "", dict.fromkeys(Metric, NONE))
    return page.Numbers(
        "tickets",
        metrics,
        nothing if empty else row(),
        [] if empty else [row(name) for name in names],
        [] if empty else [row("", day) for day in range(20_000, 20_040)],
        [] if empty else [row("01RUNA"), row("01RUNB")],
        lift(Verdict.REACHED),
    )


@pytest.mark.parametrize("empty", [True, False])
def test_the_page_is_drawn_whatever_there_is_to_draw(tmp_path: Path, empty: bool) -> None:
    page.draw(numbers(empty=empty), tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == (2_080, 1_248)
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    # The matrix of confusions has many shades; of nothing there are words alone.
    assert len(colours) > (50 if empty else 400)


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        page.draw(numbers(empty=True), tmp_path / "nowhere" / "page.png")


def test_without_the_drawing_library_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(page, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"labelmesh\[plots\]"):
        page.check()


def test_a_project_may_follow_metrics_at_once_and_help_teaches() -> None:
    runner = CliRunner()
    assert "labelmesh metrics lift" in runner.invoke(app, ["metrics", "--help"]).output
    shown = runner.invoke(app, ["metrics", "tickets", "--help"]).output
    assert "--by" in shown
    refused = runner.invoke(app, ["metrics", "tickets", "--by", "class", "--by", "reviewer"])
    assert refused.exit_code == 2


@pytest.mark.parametrize("window", ["3x", "d", "0d", "-1d", "1.5h", "999999d"])
def test_a_window_that_is_no_length_of_time_is_refused(window: str) -> None:
    with pytest.raises(UserError, match="no length of time"):
        start_of(window)


def test_a_window_begins_that_long_ago() -> None:
    assert start_of("") == 0
    assert start_of("1d") - start_of("2d") == pytest.approx(DAY_US, rel=1e-3)


def test_the_clock_of_a_reviewer_does_not_run_while_nobody_is_there() -> None:
    now = 0.0
    clock = ActiveClock(lambda: now)
    now += 10
    clock.tick()
    now += 3_600
    assert clock.seconds == 10 + IDLE_SECONDS
    clock.tick()
    now += 5
    assert clock.seconds == 15 + IDLE_SECONDS
