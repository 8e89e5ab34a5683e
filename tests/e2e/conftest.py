"""The command line as a process of its own, beside one stack with a stub endpoint as the model."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

STUB = Path(__file__).parents[2] / "benchmarks" / "stub_llm.py"


@dataclass(frozen=True)
class Shell:
    """Runs `labelmesh` commands in a working directory of their own."""

    folder: Path

    @property
    def state_dir(self) -> Path:
        return self.folder / ".labelmesh"

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LABELMESH_", "OPENAI_"))
        }
        return {**kept, "LABELMESH_LOG_LEVEL": "WARNING"}

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "labelmesh"), *arguments],
            cwd=self.folder,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *arguments: str, text: str = "") -> str:
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def fails(self, *arguments: str, code: int = 1) -> str:
        done = self.run(*arguments)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        return done.stderr

    def up(self, endpoint: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "labelmesh"), "up", "--endpoint", endpoint, "--model", "stub"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "Ctrl-C stops everything" in line:
                return process
        raise AssertionError("".join(seen))


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, str(STUB), "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as stub:
        assert stub.stdout is not None
        yield f"http://{json.loads(stub.stdout.readline())['address']}/v1"
        stub.terminate()


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory, endpoint: str) -> Iterator[Shell]:
    """A shell beside a running stack, one for all who need no stack of their own."""
    made = Shell(tmp_path_factory.mktemp("cli"))
    process = made.up(endpoint)
    try:
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def shell_in() -> type[Shell]:
    """Makes a shell in a folder, without a stack."""
    return Shell
