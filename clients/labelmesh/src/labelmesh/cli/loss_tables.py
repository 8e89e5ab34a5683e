"""A loss report as a table, and as a file."""

import json
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from formats import LossReport
from formats.report import Tally
from labelmesh.cli.console import plural, table
from labelmesh.cli.errors import UserError

_SHOWN_EXAMPLES = 3


def show(console: Console, report: LossReport) -> None:
    """Say what came through, and what did not where there is anything."""
    console.print(headline(report))
    if rows := _rows(report):
        console.print(rows)
    for sentence in report.warnings:
        console.print(f"Note: {sentence}", style="yellow", markup=False, soft_wrap=True)


def headline(report: LossReport) -> Text:
    """One line: how much, and whether it is all."""
    verb = "written" if report.direction == "write" else "read"
    said = Text()
    said.append("✓ " if report.lossless else "! ", style="green" if report.lossless else "yellow")
    said.append(
        f"{plural(report.written, 'annotation')} of {plural(report.assets, 'asset')} {verb} as {report.form}"
    )
    if report.lossless:
        said.append(", nothing lost", style="green")
    elif report.dropped_count:
        said.append(f", {report.dropped_count:,} dropped", style="yellow")
    if report.left_out:
        absent = ", ".join(f"{count:,} {status}" for status, count in report.left_out.items())
        said.append(f" ({absent} left out)", style="dim")
    return said


def _rows(report: LossReport) -> RenderableType | None:
    shown = table("what", "n", "for example", right=("n",))
    for reason, tally in report.dropped.items():
        shown.add_row(Text(f"dropped: {reason}", style="red"), f"{tally.count:,}", _examples(tally))
    if report.problems.count:
        shown.add_row(
            Text("could not be read", style="red"), f"{report.problems.count:,}", _examples(report.problems)
        )
    for what, count in _counts(report):
        if count:
            shown.add_row(Text(what, style="yellow"), f"{count:,}", "")
    for what, tally in report.changed.items():
        shown.add_row(what, f"{tally.count:,}", _examples(tally))
    if not shown.row_count:
        return None
    overlap = report.overlap
    if not overlap.count:
        return shown
    line = f"IoU of {plural(overlap.count, 'converted shape')}: mean {overlap.mean:.4f}, least {overlap.minimum:.4f}"
    return Group(shown, Text(line, style="dim" if overlap.minimum > 0.99 else "yellow"))


def _counts(report: LossReport) -> tuple[tuple[str, int], ...]:
    return (
        ("holes lost", report.holes_lost),
        ("parts split", report.parts_split),
        ("spans moved", report.spans_moved),
    )


def _examples(tally: Tally) -> Text:
    said = Text("; ".join(tally.examples[:_SHOWN_EXAMPLES]), style="dim")
    if tally.count > _SHOWN_EXAMPLES:
        said.append(" ...")
    return said


def save(path: Path | None, *reports: LossReport) -> None:
    """Write reports as JSON where a file was asked for; raises UserError."""
    if path is None:
        return
    rows = [report.as_dict() for report in reports]
    try:
        path.write_text(json.dumps(rows[0] if len(rows) == 1 else rows, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
