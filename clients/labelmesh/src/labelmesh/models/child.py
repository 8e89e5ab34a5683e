"""Running a package manager's download beside this process, and watching the bytes it brings."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def running(
    command: list[str], errors: int, room: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command in `room`, which also takes its temporary files; it and its children end with the block.

    `errors` is the file descriptor that gets its complaints.
    """
    process = subprocess.Popen(
        command,
        cwd=room,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={**os.environ, **(environment or {}), "TMPDIR": str(room)},
        start_new_session=True,  # a Ctrl-C at the terminal is handled here, once
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def bytes_below(folder: Path) -> int:
    """Size of all files in a folder that others write to meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(place, name)).st_size
    return total
