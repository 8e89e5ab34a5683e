"""Charts of time: throughput by day, how accuracy comes along, what predictions are worth."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from labelmesh.cli.measure_tables import speed_sentence
from labelmesh.cli.plotting.style import BLUE, GREEN, GREY, INK, LIGHT, ORANGE, RED, arms, empty, plain, short
from labelmesh.client.measure import Estimate, Lift, Metric, MetricRow, Verdict

_MAX_RUNS = 12
_SURE = 10
"""Answers of a day whose whiskers are shown whole."""


def throughput(axis: Any, days: Sequence[MetricRow]) -> None:
    """Labels an hour by day; the grey columns are the answers."""
    title = "Throughput by day"
    timed = [(row, found) for row in days if (found := row.values[Metric.LABELS_PER_HOUR]).value is not None]
    if not timed:
        empty(axis, title, "No answer came with its active seconds yet.")
        return
    plain(axis, title, "labels an hour of active work (line) and answers (columns), days in UTC")
    counted = axis.twinx()
    counted.bar(
        [_day(row) for row in days], [row.values[Metric.REVIEWS].n for row in days], color=LIGHT, width=0.8
    )
    counted.set_ylabel("answers", color=GREY, fontsize=8.5)
    counted.tick_params(colors=GREY, labelsize=8, length=0)
    counted.set_ylim(0, 2.2 * max(row.values[Metric.REVIEWS].n for row in days))
    for side in ("top", "right", "left"):
        counted.spines[side].set_visible(False)
    axis.set_zorder(counted.get_zorder() + 1)
    axis.patch.set_visible(False)
    _line(axis, [_day(row) for row, _ in timed], [found for _, found in timed], BLUE)
    axis.set_ylabel("labels/h")
    axis.set_ylim(0, _top([found for _, found in timed]))
    _dates(axis)


def learning(axis: Any, days: Sequence[MetricRow], runs: Sequence[MetricRow]) -> None:
    """How accuracy comes along: by run where there are several, else by day."""
    judged = [
        (row, found) for row in runs if row.name and (found := row.values[Metric.ACCURACY]).value is not None
    ]
    if len(judged) > 1:
        judged = judged[-_MAX_RUNS:]
        plain(axis, "Accuracy by prediction run", "predictions left unchanged, oldest run first")
        places = list(range(len(judged)))
        _line(axis, places, [found for _, found in judged], GREEN)
        for place, (_, found) in zip(places, judged, strict=True):
            axis.text(place, 0.02, f"n={found.n:,}", ha="center", fontsize=7.5, color=GREY)
        axis.set_xticks(places, ["…" + short(row.name[-6:]) for row, _ in judged], fontsize=8)
        axis.set(
            ylim=(0, 1.05), xlim=(-0.4, len(judged) - 0.6), ylabel="accuracy", xlabel="run (end of its id)"
        )
        return
    daily = [(row, found) for row in days if (found := row.values[Metric.ACCURACY]).value is not None]
    if not daily:
        empty(axis, "Accuracy by day", "No prediction was reviewed yet.")
        return
    plain(axis, "Accuracy by day", "predictions left unchanged, days in UTC")
    _line(axis, [_day(row) for row, _ in daily], [found for _, found in daily], GREEN)
    axis.set(ylim=(0, 1.05), ylabel="accuracy")
    _dates(axis)


_COLOURS = {
    Verdict.REACHED: GREEN,
    Verdict.NOT_REACHED: RED,
    Verdict.UNDECIDED: ORANGE,
    Verdict.TOO_FEW: GREY,
}


def worth(axis: Any, found: Lift) -> None:
    """Labels an hour with and without the prediction, from the hold-out."""
    title = "What the prediction is worth"
    sides = (("without it", found.held_out, ORANGE), ("with the\nprediction", found.assisted, BLUE))
    if any(arm.labels_per_hour.value is None for _, arm, _ in sides):
        empty(axis, title, "Nothing was held back yet:\nlabelmesh metrics holdout PROJECT --share 0.1")
        return
    plain(axis, title, f"experiment {found.experiment}: which tasks showed it was drawn at random")
    for place, (_, arm, colour) in enumerate(sides):
        _speed(axis, place, arm.labels_per_hour, colour)
    axis.set_yticks(range(len(sides)), [name for name, _, _ in sides])
    axis.set(ylim=(-1.05, 1.6), xlabel="labels/h")
    axis.set_xlim(left=0)
    axis.tick_params(axis="y", length=0)
    style = {"fontsize": 8.5, "fontweight": "bold", "color": _COLOURS[found.verdict], "va": "bottom"}
    axis.text(0.0, 0.02, speed_sentence(found).replace(": ", ":\n", 1), transform=axis.transAxes, **style)


def _speed(axis: Any, place: int, speed: Estimate, colour: str) -> None:
    """One bar with its whiskers and its number below."""
    ends = [[end] for end in arms(speed)]
    whiskers = {"elinewidth": 1.8, "capsize": 3, "markersize": 6, "zorder": 2}
    axis.barh(place, speed.value, height=0.5, color=colour, alpha=0.25, zorder=1)
    axis.errorbar(speed.value, place, xerr=ends, fmt="o", color=colour, **whiskers)
    axis.text(
        0, place - 0.36, f" {speed.value:,.0f} labels/h, n={speed.n:,}", fontsize=8, color=INK, va="center"
    )


def _top(found: Sequence[Estimate]) -> float:
    """Where the axis ends: a day of few answers has whiskers that would dwarf all others, and they are cut."""
    sure = [estimate for estimate in found if estimate.n >= _SURE] or found
    return 1.15 * max(
        max(estimate.value or 0.0, (estimate.value or 0.0) + arms(estimate)[1]) for estimate in sure
    )


def _day(row: MetricRow) -> datetime:
    return datetime.fromtimestamp(row.start_us / 1e6, UTC).replace(tzinfo=None)


def _line(axis: Any, places: Sequence[Any], found: Sequence[Estimate], colour: str) -> None:
    """A line through the values with their intervals."""
    ends = [arms(estimate) for estimate in found]
    values = [estimate.value for estimate in found]
    axis.errorbar(
        places,
        values,
        yerr=tuple(zip(*ends, strict=True)),
        fmt="none",
        ecolor=colour,
        elinewidth=1.3,
        capsize=2.5,
        alpha=0.7,
        zorder=3,
    )
    axis.plot(places, values, color=colour, marker="o", markersize=4.5, linewidth=1.4, zorder=4)


def _dates(axis: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
