"""How charts look."""

from typing import Any

from labelmesh.client.measure import Estimate

INK, GREY, LIGHT = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE, GREEN, RED = "#2563eb", "#d97706", "#0f9d58", "#c0392b"


def plain(axis: Any, title: str, subtitle: str = "") -> None:
    """The frame that every chart has: a title on the left, a smaller line below it, no box."""
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=22 if subtitle else 8)
    if subtitle:
        axis.text(0, 1.025, subtitle, transform=axis.transAxes, fontsize=8.5, color=GREY, va="bottom")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(GREY)
    axis.tick_params(colors=INK, labelsize=8.5, length=3)
    axis.xaxis.label.set_color(INK)
    axis.yaxis.label.set_color(INK)


def empty(axis: Any, title: str, why: str) -> None:
    """A chart without data says so."""
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
    axis.set_axis_off()
    axis.text(0.5, 0.5, why, transform=axis.transAxes, ha="center", va="center", color=GREY, fontsize=10)


def arms(found: Estimate) -> tuple[float, float]:
    """Lengths of an error bar below and above; 0 where the interval is not known."""
    if found.value is None or found.lower is None or found.upper is None:
        return 0.0, 0.0
    return max(0.0, found.value - found.lower), max(0.0, found.upper - found.value)


def short(name: str, most: int = 22) -> str:
    """A name that fits beside a chart."""
    return name if len(name) <= most else name[: most - 1] + "…"
