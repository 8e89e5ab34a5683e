"""A real nats-server with JetStream on a free port."""

import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chassis.testing.sockets import unused_port

_START_SECONDS = 20.0


class NatsServer:
    """One broker process over one store; it can die and come back at the same address."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.port = unused_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        address = ["-a", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(
            [_binary(), *address, "-js", "-sd", str(self.store)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("nats-server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, as a power cut of the process would be."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill it if it runs, and start it over the same store."""
        self.kill()
        self.start()


@contextmanager
def nats_server() -> Iterator[NatsServer]:
    """A broker with an empty store, gone with its store at the end."""
    with tempfile.TemporaryDirectory(prefix="labelmesh-nats-", ignore_cleanup_errors=True) as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def _binary() -> str:
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is not installed")
    return found
