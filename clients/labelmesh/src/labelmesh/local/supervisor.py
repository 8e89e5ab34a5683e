"""Keeping processes running: started in order, restarted when they die, stopped in reverse order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from labelmesh.local.errors import LocalError
from labelmesh.local.processes import Process, start
from labelmesh.local.programs import BROKER, MODEL_SERVER, Program

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_STABLE_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Died:
    """A process ended without being asked to; it is started again after the pause."""

    name: str
    exit_code: int
    log: Path
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """It serves again."""

    name: str
    pid: int
    seconds: float


Event = Died | Restarted


class Supervisor:
    """Runs programs until it is stopped.

    `on_event` hears of deaths and restarts, `on_change` whenever a pid changed. Both are called in the event
    loop.
    """

    def __init__(
        self, log_dir: Path, on_event: Callable[[Event], None], on_change: Callable[[], None]
    ) -> None:
        self._log_dir = log_dir
        self._on_event = on_event
        self._on_change = on_change
        self._programs: dict[str, Program] = {}
        self._processes: dict[str, Process] = {}
        self._serving: dict[str, asyncio.Event] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    @property
    def processes(self) -> Sequence[Process]:
        """Those that run, in the order they were first started."""
        return [self._processes[name] for name in self._programs if name in self._processes]

    async def start(self, programs: Sequence[Program]) -> None:
        """Start programs side by side and wait until all serve; then keep them running.

        Raises StartFailed.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for program in programs:
            self._programs[program.name] = program
            self._serving[program.name] = asyncio.Event()
            self._processes[program.name] = await start(program, self._log_dir)
        self._on_change()
        await asyncio.gather(*(self._processes[program.name].until_serving() for program in programs))
        for program in programs:
            self._watch(program.name)

    def kill(self, name: str) -> int:
        """End a process as a crash would; it is restarted by itself. The pid that was killed."""
        process = self._processes[name]
        self._serving[name].clear()
        process.kill()
        return process.pid

    async def hold(self, name: str) -> None:
        """Stop one program and leave it stopped until `release`."""
        await _cancel(self._watches.pop(name, None))
        self._serving[name].clear()
        process = self._processes.pop(name, None)
        if process is not None:
            await process.stop()
        self._on_change()

    async def release(self, name: str) -> None:
        """Start a program that was held and wait until it serves."""
        self._processes[name] = await start(self._programs[name], self._log_dir)
        self._on_change()
        await self._processes[name].until_serving()
        self._watch(name)

    async def until_serving(self) -> None:
        """Wait until every program that is not held serves."""
        await asyncio.gather(*(self._serving[name].wait() for name in self._watches))

    async def stop(self) -> None:
        """Stop all, the last started first.

        Services while the broker is still there to take their last words.
        """
        for watch in self._watches.values():
            await _cancel(watch)
        self._watches.clear()
        *broker_and_model, services = _floors(self.processes)
        await asyncio.gather(*(process.stop() for process in services))
        for floor in reversed(broker_and_model):
            await asyncio.gather(*(process.stop() for process in floor))
        self._processes.clear()

    def kill_all(self) -> None:
        """End everything at once."""
        for process in self.processes:
            process.kill()

    def _watch(self, name: str) -> None:
        self._serving[name].set()
        self._watches[name] = asyncio.create_task(self._keep_running(name), name=f"watch {name}")

    async def _keep_running(self, name: str) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            since = monotonic()
            exit_code = await self._processes[name].ended()
            self._serving[name].clear()
            pause_s = _FIRST_PAUSE_S if monotonic() - since > _STABLE_AFTER_S else pause_s
            self._on_event(Died(name, exit_code, self._processes[name].log, pause_s))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            await self._restart(name)

    async def _restart(self, name: str) -> None:
        began = monotonic()
        try:
            self._processes[name] = await start(self._programs[name], self._log_dir)
            self._on_change()
            await self._processes[name].until_serving()
        except LocalError:
            # Dead again, or alive without serving: the next round of the watch finds it ended and waits
            # longer.
            self._processes[name].kill()
            return
        self._serving[name].set()
        self._on_event(Restarted(name, self._processes[name].pid, monotonic() - began))


def _floors(processes: Sequence[Process]) -> list[list[Process]]:
    """Broker, model server, services: what is stopped together."""
    below = (BROKER, MODEL_SERVER)
    services = [process for process in processes if process.program.name not in below]
    return [*([process] for process in processes if process.program.name in below), services]


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
