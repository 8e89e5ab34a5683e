"""Which process a recorded pid was, so that nobody else's process is ever ended."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep

import psutil
from pydantic import BaseModel, ConfigDict

_CLOCK_TOLERANCE_S = 2.0
_LOOK_EVERY_S = 0.05


class Identity(BaseModel):
    """A process as it was when it was started.

    Pids are used again, start time and command line together are not.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float
    command: tuple[str, ...]


def identify(pid: int) -> Identity | None:
    """The identity of a live process; None when it is gone."""
    try:
        process = psutil.Process(pid)
        return Identity(pid=pid, started=process.create_time(), command=tuple(process.cmdline()))
    except psutil.Error:
        return None


def still_runs(identity: Identity) -> bool:
    """Whether that very process lives, and not another that got its pid."""
    return _process(identity) is not None


def end(identities: Sequence[Identity], grace_seconds: float) -> list[int]:
    """End those that are still the recorded processes: politely, then for good. The pids that were ended."""
    processes = [process for identity in identities if (process := _process(identity)) is not None]
    for process in processes:
        _quietly(process.terminate)
    for process in _still_alive(processes, grace_seconds):
        _quietly(process.kill)
    _still_alive(processes, grace_seconds)
    return [process.pid for process in processes]


def _still_alive(processes: Sequence[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """Those that have not ended when the patience is over."""
    end = monotonic() + patience_s
    while (alive := [process for process in processes if _lives(process)]) and monotonic() < end:
        sleep(_LOOK_EVERY_S)
    return alive


def ask_to_stop(identity: Identity) -> bool:
    """Send SIGTERM; False when it is gone already."""
    process = _process(identity)
    if process is None:
        return False
    _quietly(process.terminate)
    return True


def memory_bytes(pid: int) -> int:
    """Resident memory; 0 when the process is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _process(identity: Identity) -> psutil.Process | None:
    try:
        process = psutil.Process(identity.pid)
        same_start = abs(process.create_time() - identity.started) < _CLOCK_TOLERANCE_S
        if same_start and tuple(process.cmdline()) == identity.command and _lives(process):
            return process
    except psutil.Error:
        pass
    return None


def _lives(process: psutil.Process) -> bool:
    """Whether it runs. A zombie has ended; where nobody collects orphans it stays one for ever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _quietly(signal: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        signal()
