"""Charts of quality: reliability, confusion, agreement by class."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from labelmesh.cli.plotting.style import BLUE, GREY, INK, LIGHT, arms, empty, plain, short
from labelmesh.client.measure import Estimate, Metric, MetricRow
from labelmesh.client.metric import ConfusionCell, Reliability

_MAX_MATRIX = 9
_MAX_CLASSES = 14


def reliability(axis: Any, found: Reliability) -> None:
    """Confidence against the share that was right; the grey columns are how many."""
    title = "Reliability of the confidence"
    if not found.bins:
        empty(axis, title, "No prediction with a confidence was reviewed yet.")
        return
    auroc = "-" if found.auroc is None else f"{found.auroc:.3f}"
    plain(axis, title, f"ECE {found.ece:.3f} · Brier {found.brier:.3f} · AUROC {auroc}")
    largest = max(item.correct.n for item in found.bins)
    for item in found.bins:
        height = 0.22 * item.correct.n / largest
        axis.bar((item.lower + item.upper) / 2, height, width=0.094, color=LIGHT, zorder=1)
        axis.text(
            (item.lower + item.upper) / 2,
            height + 0.012,
            f"{item.correct.n:,}",
            ha="center",
            fontsize=7,
            color=GREY,
        )
    axis.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    means = [item.mean_confidence for item in found.bins]
    values = [item.correct.value for item in found.bins]
    below = [item.correct.value - item.correct.lower for item in found.bins]
    above = [item.correct.upper - item.correct.value for item in found.bins]
    axis.errorbar(
        means, values, yerr=(below, above), fmt="none", ecolor=BLUE, elinewidth=1.4, capsize=2.5, zorder=3
    )
    axis.plot(means, values, color=BLUE, marker="o", markersize=5, linewidth=1.2, zorder=4)
    axis.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="confidence", ylabel="share that was right")


def confusion(axis: Any, cells: Sequence[ConfusionCell]) -> None:
    """Predicted against final category of the tool with most annotations; colour is the share of the row."""
    title = "Predicted (row) and final (column) class"
    if not cells:
        empty(axis, title, "No prediction was reviewed yet.")
        return
    by_tool: Counter[str] = Counter()
    for cell in cells:
        by_tool[cell.tool] += cell.count
    tool = by_tool.most_common(1)[0][0]
    counts, rows, columns, left_out = _matrix([cell for cell in cells if cell.tool == tool])
    note = f"tool {short(tool)}, darker: more of its row"
    if left_out:
        note += f", the {_MAX_MATRIX} most frequent of {left_out + _MAX_MATRIX} classes"
    plain(axis, title, note)
    shares = [
        [counts[row, column] / max(1, sum(counts[row, c] for c in columns)) for column in columns]
        for row in rows
    ]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            n = counts[row, column]
            if n:
                axis.text(
                    j,
                    i,
                    f"{n:,}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if shares[i][j] > 0.55 else INK,
                )
    axis.set_xticks(
        range(len(columns)), [short(c or "(deleted)", 14) for c in columns], rotation=35, ha="right"
    )
    axis.set_yticks(range(len(rows)), [short(r or "(added)", 14) for r in rows])
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _matrix(cells: Sequence[ConfusionCell]) -> tuple[Counter[tuple[str, str]], list[str], list[str], int]:
    """Counts by (predicted, final), the rows, the columns, and how many classes did not fit."""
    frequent: Counter[str] = Counter()
    for cell in cells:
        for name in {cell.predicted, cell.reviewed} - {""}:
            frequent[name] += cell.count
    kept = sorted(name for name, _ in frequent.most_common(_MAX_MATRIX))
    counts: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        if cell.predicted in ("", *kept) and cell.reviewed in ("", *kept):
            counts[cell.predicted, cell.reviewed] += cell.count
    rows = kept + ([""] if any(counts["", name] for name in kept) else [])
    columns = kept + ([""] if any(counts[name, ""] for name in kept) else [])
    return counts, rows, columns, len(frequent) - len(kept)


def by_class(axis: Any, rows: Sequence[MetricRow]) -> None:
    """F1 of each class with its interval, best first, n beside it."""
    title = "Agreement by class (F1)"
    known = [(row.name, row.values[Metric.F1]) for row in rows if row.values[Metric.F1].value is not None]
    if not known:
        empty(axis, title, "No annotation was reviewed yet.")
        return
    most = sorted(known, key=lambda pair: -pair[1].n)[:_MAX_CLASSES]
    note = "predicted against final annotations"
    if len(known) > len(most):
        note = f"the {len(most)} most frequent of {len(known)} classes"
    plain(axis, title, note)
    _dots(axis, sorted(most, key=lambda pair: pair[1].value or 0.0))
    axis.set(xlim=(0, 1), ylim=(-0.6, len(most) - 0.4), xlabel="F1")
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _dots(axis: Any, shown: Sequence[tuple[str, Estimate]]) -> None:
    """A dot with whiskers for each name, from the bottom up."""
    places = range(len(shown))
    values = [found.value or 0.0 for _, found in shown]
    ends = tuple(zip(*(arms(found) for _, found in shown), strict=True))
    axis.hlines(places, 0, 1, color=LIGHT, linewidth=0.8, zorder=1)
    axis.errorbar(values, places, xerr=ends, fmt="none", ecolor=BLUE, elinewidth=1.6, capsize=2.5, zorder=2)
    axis.plot(values, places, color=BLUE, marker="o", markersize=5, linestyle="none", zorder=3)
    beside = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 7.5, "color": GREY}
    for place, (_, found) in zip(places, shown, strict=True):
        axis.text(1.02, place, f"n={found.n:,}", **beside)
    axis.set_yticks(places, [short(name) for name, _ in shown])
