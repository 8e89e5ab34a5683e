"""One child process: started with its log, watched, stopped."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from labelmesh.local import health
from labelmesh.local.errors import StartFailed
from labelmesh.local.identity import Identity, identify
from labelmesh.local.programs import Program, environment_of

_LOG_BYTES = 32 << 20
_LOOK_EVERY_S = 0.1
_LOOKS = 200


class Process:
    """A running child in its own session, so that the terminal's Ctrl-C reaches the supervisor only."""

    def __init__(
        self, program: Program, child: asyncio.subprocess.Process, identity: Identity, log: Path
    ) -> None:
        self.program = program
        self.identity = identity
        self.log = log
        self._child = child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative when a signal ended it."""
        return self._child.returncode

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await self._child.wait()

    async def until_serving(self) -> None:
        """Wait until it serves; raises StartFailed when it ends first or takes too long."""
        try:
            async with asyncio.timeout(self.program.start_seconds):
                # What answers may be another's process that took the port between its choice and now.
                while not (await health.serves(self.program) and self._listens()):
                    self._check_lives()
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            raise StartFailed(
                f"{self.program.name} did not come up within {self.program.start_seconds:.0f} s; "
                f"its log is {self.log}."
            ) from None

    def _listens(self) -> bool:
        """Whether it holds the port itself; where the system does not tell, it is believed."""
        port = int(self.program.address.rpartition(":")[2])
        try:
            sockets = psutil.Process(self.pid).net_connections("tcp")
        except psutil.AccessDenied:
            return True
        except psutil.NoSuchProcess:
            return False
        return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)

    def _check_lives(self) -> None:
        if self.exit_code is not None:
            raise StartFailed(
                f"{self.program.name} ended with code {self.exit_code}{self._last_words()}; "
                f"its log is {self.log}."
            )

    async def stop(self) -> None:
        """Ask it to end, and end it when it takes longer than it may."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.program.stop_seconds):
                await self._child.wait()
        except TimeoutError:
            self.kill()
            await self._child.wait()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it is gone."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(number)

    def _last_words(self) -> str:
        """A settings error is one plain line on stderr: worth showing. JSON log lines are not."""
        lines = _tail(self.log)
        plain = [line for line in lines if line and not line.startswith(("{", " ", "Traceback"))]
        return f" ({plain[-1][:300].rstrip('.')})" if plain else ""


async def start(program: Program, log_dir: Path) -> Process:
    """Start a program; what it prints goes to `<log_dir>/<name>.log`. Raises StartFailed."""
    log = log_dir / f"{program.name}.log"
    _rotate(log)
    with log.open("ab") as sink:
        try:
            child = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=environment_of(program),
                start_new_session=True,
            )
        except OSError as error:
            raise StartFailed(f"{program.name} could not be started: {error.strerror}.") from error
    try:
        identity = await _settled(child.pid)
    except asyncio.CancelledError:
        # Nobody would know of it: it must not outlive the call that made it.
        child.kill()
        raise
    return Process(program, child, identity, log)


async def _settled(pid: int) -> Identity:
    """Who the child is once it has become the program: in between its command line is ours, or empty."""
    own = identify(os.getpid())
    for _ in range(_LOOKS):
        seen = identify(pid)
        if seen is None:
            break
        if seen.command and (own is None or seen.command != own.command):
            return seen
        await asyncio.sleep(0.01)
    # It ended at once; an identity that fits no process.
    return Identity(pid=pid, started=0.0, command=())


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _tail(log: Path, size: int = 4096) -> list[str]:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode(errors="replace").splitlines()
    return []
