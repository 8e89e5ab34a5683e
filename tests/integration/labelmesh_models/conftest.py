"""The real small model behind the real server, started once for this folder."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labelmesh.models import default_cache, fetch, manifest

ALIAS = "smollm2"


@dataclass(frozen=True)
class ModelServer:
    """A started model server process and where it listens."""

    process: "subprocess.Popen[str]"
    address: str


def start(weights: Path, *arguments: str) -> ModelServer:
    """Start on a free port and wait for the line that says it listens."""
    command = [sys.executable, "-m", "labelmesh.local.model_server", "--model", str(weights), "--port", "0"]
    process = subprocess.Popen([*command, "--alias", ALIAS, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    announced = json.loads(process.stdout.readline())
    assert announced["event"] == "listening"
    return ModelServer(process, announced["address"])


def stop(server: ModelServer, number: int = signal.SIGTERM) -> int:
    """End it with a signal; the exit code."""
    server.process.send_signal(number)
    try:
        return server.process.wait(30)
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="session")
def weights() -> Path:
    """The tests' model, fetched into the user's cache at the first run."""
    return fetch(manifest().model(ALIAS), default_cache())


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[ModelServer]:
    made = start(weights, "--parallel", "2", "--ctx", "1024", "--threads", "2")
    yield made
    stop(made)


@pytest.fixture
def starting():
    """Start and stop functions for tests that end a server themselves."""
    return start, stop
