"""What the demo measured on its pictures, as a table."""

from rich.console import RenderableType

from labelmesh.cli.console import captioned, plural, table
from labelmesh.demo.summary import PhotosSummary

_STEPS = (
    "import",
    "masks from boxes and clicks",
    "labels, one with an artifact",
    "rule and queue",
    "review",
    "export",
)


def table_of(photos: PhotosSummary) -> RenderableType:
    """Masks, times, the planted artifact, and where the pictures can be looked at."""
    shown = table("", f"{photos.name} ({photos.title})", title=f"The demo's pictures, model {photos.model}")
    for name, value in _rows(photos):
        shown.add_row(name, value)
    seconds = " · ".join(f"{step} {photos.seconds.get(step, 0.0):.1f} s" for step in _STEPS)
    return captioned(
        shown,
        "The first prompt of a picture waits for its encoding. IoU with people's masks: those of the package that the "
        f"pictures come from. {seconds}",
    )


def _rows(photos: PhotosSummary) -> tuple[tuple[str, str], ...]:
    counts = photos.tasks
    order = ", ".join(f"{key} (artifact)" if key == photos.planted else key for key in photos.handed_out)
    return (
        ("items", plural(photos.items, "picture")),
        ("masks", f"{photos.masks}, each from a box and then a click"),
        ("predicted IoU, median", f"{photos.predicted_iou:.3f}"),
        ("IoU with people's masks, median", f"{photos.iou:.3f}"),
        ("first prompt of a picture, median", f"{photos.first_prompt_ms:,.0f} ms"),
        ("later prompts, median", f"{photos.later_prompt_ms:,.0f} ms"),
        ("findings", "; ".join(photos.findings)),
        ("handed out by the queue", order),
        ("reviews", f"{photos.accepted} accepted, {photos.corrected} corrected"),
        ("queue at the end", "-" if counts is None else f"{counts.open} open, {counts.done} done"),
        ("exported", ", ".join(f"{name} ({done.written})" for name, done in photos.exports.items())),
        ("to look at", ", ".join(photos.overlays)),
        ("seconds", f"{sum(photos.seconds.values()):.1f}"),
    )
