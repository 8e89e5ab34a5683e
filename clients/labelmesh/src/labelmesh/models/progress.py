"""Showing a download to a person: a bar on a terminal, a line now and then in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from labelmesh.models.manifest import Model
from labelmesh.models.vision import VisionModel
from labelmesh.models.watch import Watch

_LINES = 10
"""Lines a whole download is worth where there is no terminal."""


@contextmanager
def shown(model: Model | VisionModel, console: Console) -> Iterator[Watch]:
    """A Watch whose bytes and notices appear on the console while inside."""
    if console.is_terminal:
        with _bar(model, console) as watch:
            yield watch
    else:
        yield _lines(model, console)


@contextmanager
def _bar(model: Model | VisionModel, console: Console) -> Iterator[Watch]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(model.name, total=model.size_bytes)
        yield Watch(
            on_bytes=lambda there: progress.update(task, completed=there),
            on_notice=lambda notice: progress.console.print(
                notice, markup=False, highlight=False, soft_wrap=True
            ),
        )


def _lines(model: Model | VisionModel, console: Console) -> Watch:
    told = -1

    def on_bytes(there: int) -> None:
        nonlocal told
        step = there * _LINES // model.size_bytes
        if step > told:
            told = step
            done = f"{there / 1e6:,.0f} of {model.size_bytes / 1e6:,.0f} MB"
            console.print(f"{model.name}: {done}", markup=False, highlight=False)

    def on_notice(notice: str) -> None:
        console.print(notice, markup=False, highlight=False, soft_wrap=True)

    return Watch(on_bytes=on_bytes, on_notice=on_notice)
