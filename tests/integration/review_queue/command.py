"""The command line as a process, against the running service."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.serve import Server
from review_queue.servicer import servicers
from review_queue.settings import Settings
from review_queue.status import STATUS

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def address(house: Any, settings: Settings) -> AsyncIterator[str]:
    """Where the house is served."""
    server = Server(settings, servicers(house.db, house.blobs), STATUS)
    await server.start()
    yield server.address
    await server.drain()


@pytest.fixture
def labelmesh(address: str, tmp_path: Path) -> Run:
    """Runs the command line as Ann; exit code, stdout, stderr."""
    token = tmp_path / "token"
    token.write_text("token-of-ann")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABELMESH_")}
    # Only the queue is asked; the others' addresses have to be there.
    names = ("REVIEW_QUEUE", "LLM_ANNOTATOR", "QA_ENGINE", "SAM_SEGMENTER")
    environment = kept | {f"LABELMESH_{name}": address for name in names}
    environment["LABELMESH_TOKEN_FILE"] = str(token)

    async def run(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("labelmesh"),
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode or 0, output.decode(), errors.decode()

    return run
