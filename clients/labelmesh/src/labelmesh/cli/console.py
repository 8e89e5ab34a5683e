"""How the command line looks: two consoles, one table style, one way to print numbers."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from labelmesh.client.metric import Rate

_WIDTH_WITHOUT_TERMINAL = 100
_WHOLE = frozenset({"run", "pid", "address", "state", "webhook", "delivery"})
"""Columns that are copied from the screen or compared at a glance: never broken."""


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, highlight=False)


out = _console(stderr=False)
err = _console(stderr=True)

STATE_STYLES = {
    "SERVING": "green",
    "DONE": "green",
    "RUNNING": "cyan",
    "OPEN": "cyan",
    "WAITING": "yellow",
    "LEASED": "yellow",
    "PAUSED": "bold yellow",
    "CANCELLED": "dim",
    "DOWN": "bold red",
    "ERROR": "red",
    "WARNING": "yellow",
    "INFO": "blue",
}


def table(*columns: str, title: str = "", right: Sequence[str] = ()) -> Table:
    """A table in the house's style; columns named in `right` hold numbers."""
    made = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold cyan",
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in _WHOLE,
        )
    return made


def captioned(shown: Table, caption: str) -> RenderableType:
    """The table with a line below it that may be wider than the table."""
    return Group(shown, Text(caption, style="dim"))


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def rate(value: Rate) -> str:
    """`0.883 [0.78, 0.94] n=60`, or `no reviews` when there is nothing to divide by."""
    if value.n == 0:
        return "no reviews"
    return f"{value.value:.3f} [{value.lower:.2f}, {value.upper:.2f}] n={value.n}"


def number(value: float | None, digits: int = 3) -> str:
    """The number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def bar(share: float, width: int = 20) -> str:
    """A bar of eighths for a share of 0 to 1."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def when(time_us: int) -> str:
    """Microseconds since the epoch as local time; a dash for 0."""
    if not time_us:
        return "-"
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone().strftime("%m-%d %H:%M")


def plural(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_json(value: Any) -> None:
    """The value as JSON on stdout; dataclasses become objects."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def plain(value: Any) -> Any:
    """Dataclasses and tuples as what JSON knows; bytes as ASCII."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value
