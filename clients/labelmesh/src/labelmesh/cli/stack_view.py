"""A stack on the screen: coming up, running, and what happened to it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from time import monotonic

from rich.console import RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.status import Status
from rich.text import Text

from labelmesh.cli.console import captioned, err, out, state, table
from labelmesh.client import Client, LabelmeshError
from labelmesh.local import identity
from labelmesh.local.stack import Stack
from labelmesh.local.state import State
from labelmesh.local.supervisor import Died, Event
from labelmesh.local.weights import Fetching

_LOOK_EVERY_S = 2.0
_LINE_EVERY_S = 10.0


class StartView:
    """What the user sees while a stack comes up: the step, and a bar while a model is fetched."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._status = Status("starting", console=err)
        self._bar: Progress | None = None
        if err.is_terminal:
            self._status.start()

    @property
    def fetching(self) -> Fetching:
        """Follows a model's download."""
        return Fetching(self._bytes, lambda sentence: err.print(sentence, style="dim", soft_wrap=True))

    def step(self, what: str) -> None:
        """Say what happens now."""
        self._end_bar()
        if err.is_terminal:
            self._status.update(f"{what} ...")
        else:
            err.print(f"{what} ...")

    def done(self) -> None:
        """Leave the screen to others."""
        self._end_bar()
        self._status.stop()

    def _bytes(self, there: int, total: int) -> None:
        if there >= total and self._bar is None:
            return
        if self._bar is None:
            self._status.stop()
            self._bar = Progress(
                TextColumn("fetching the model"),
                BarColumn(bar_width=30),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=err,
                disable=not err.is_terminal,
            )
            self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=there)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def started(stack: Stack) -> RenderableType:
    """What was started."""
    shown = table("service", "address", "pid", "state", right=("pid",))
    for process in stack.processes:
        shown.add_row(process.program.name, process.program.address, str(process.pid), state("SERVING"))
    return captioned(shown, _caption(stack))


def _caption(stack: Stack) -> str:
    models = _models(stack.model, stack.model_url, stack.sam_model)
    return f"{models} · state and logs in {stack.state_dir}"


def _models(model: str, address: str, sam_model: str) -> str:
    pictures = f" · pictures by {sam_model}" if sam_model else ""
    return f"model {model} at {address}{pictures}"


def status_table(found: State, serving: Mapping[str, bool]) -> RenderableType:
    """What the state file names, and whether it serves."""
    shown = table(
        "service",
        "address",
        "pid",
        "memory",
        "state",
        right=("pid", "memory"),
    )
    for process in found.processes:
        memory = identity.memory_bytes(process.identity.pid) / 1e6
        here = state("SERVING" if serving[process.name] else "DOWN")
        shown.add_row(process.name, process.address, str(process.identity.pid), f"{memory:,.0f} MB", here)
    return captioned(shown, _models(found.model, found.model_address, found.sam_model))


def status_json(found: State, serving: Mapping[str, bool]) -> dict[str, object]:
    """The same for programs."""
    return {
        "model": found.model,
        "model_address": found.model_address,
        "sam_model": found.sam_model,
        "supervisor_pid": found.supervisor.pid,
        "processes": [
            {
                "name": process.name,
                "address": process.address,
                "pid": process.identity.pid,
                "serving": serving[process.name],
                "log": str(process.log),
            }
            for process in found.processes
        ],
    }


def tell(event: Event) -> None:
    """One line about a death or a restart."""
    now = f"{datetime.now():%H:%M:%S}"
    if isinstance(event, Died):
        how = f"signal {-event.exit_code}" if event.exit_code < 0 else f"code {event.exit_code}"
        err.print(
            f"{now} [red]{event.name} ended ({how})[/]; starting it again in {event.pause_seconds:.1f} s. "
            f"Log: {event.log}",
            soft_wrap=True,
        )
        return
    err.print(f"{now} [green]{event.name} serves again[/] after {event.seconds:.1f} s (pid {event.pid}).")


async def follow(stack: Stack) -> None:
    """Show one compact line about the queues until cancelled: live on a terminal, else when it changed."""
    async with Client(stack.endpoints) as client:
        if err.is_terminal:
            with Live(console=err, auto_refresh=False, transient=True) as live:
                while True:
                    live.update(Text(await _line(stack, client), style="dim"), refresh=True)
                    await asyncio.sleep(_LOOK_EVERY_S)
        last = ""
        while True:
            line = await _line(stack, client)
            if line != last:
                out.print(f"{datetime.now():%H:%M:%S} {line}")
                last = line
            await asyncio.sleep(_LINE_EVERY_S)


async def _line(stack: Stack, client: Client) -> str:
    """How many processes run and what the queues hold; a project with nothing to do is not named."""
    parts = []
    try:
        async for project in client.projects.list():
            counts = await client.queue.count(project.id)
            if counts.total > counts.done:
                parts.append(
                    f"{project.id}: {counts.waiting:,} waiting, {counts.open:,} open, {counts.done:,} done"
                )
    except LabelmeshError as error:
        parts.append(error.message)
    return " · ".join([f"{len(stack.processes)} processes run", *parts[:4]])
