"""Replay the Dockerfile's build stage for every service in a temporary folder, without Docker.

The COPY, ENV and RUN lines are read from the Dockerfile itself, with its absolute folders moved below the temporary
one. What comes out must start: told to listen to everybody without tokens, a service refuses with its own sentence.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from packages import ROOT, SERVICES

FOLDERS = re.compile(r"(?<![\w./])/(app|build|src|wheels)\b")
REFUSED = 2


def build_stage() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile's first stage, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    first = text.split("\nFROM ")[1]
    lines = [line for line in first.splitlines()[1:] if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


class Replay:
    """One service's build below a folder."""

    def __init__(self, service: str, folder: Path) -> None:
        self._folder = folder
        self._at = folder
        # `python` in the Dockerfile is the base image's; here it is the one that runs this.
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "python").symlink_to(Path(sys.executable).resolve())
        self._environment = {**os.environ, "SERVICE": service, "PATH": f"{bin_folder}:{os.environ['PATH']}"}

    def moved(self, text: str) -> str:
        """The text with the image's folders below this replay's."""
        return FOLDERS.sub(rf"{self._folder}/\1", text)

    def step(self, word: str, rest: str) -> None:
        """Do what one instruction says; raises CalledProcessError, ValueError for an instruction unknown here."""
        filled = rest.replace("${SERVICE}", self._environment["SERVICE"])
        if word == "RUN":
            subprocess.run(["sh", "-ec", self.moved(rest)], cwd=self._at, env=self._environment, check=True)
        elif word == "COPY":
            *sources, target = filled.split()
            for source in sources:
                self._copy(ROOT / source, self._at / target, into=target.endswith("/"))
        elif word == "WORKDIR":
            self._at = Path(self.moved(rest))
            self._at.mkdir(parents=True)
        elif word == "ENV":
            self._environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word != "ARG":
            raise ValueError(f"{word} {rest}")

    def _copy(self, source: Path, target: Path, *, into: bool) -> None:
        if source.is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
            shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)
        else:
            (target if into else target.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.name if into else target)

    def start(self) -> str:
        """What the entry point says to unsafe settings; raises RuntimeError when it does not refuse them."""
        environment = {"PATH": os.environ["PATH"], "LABELMESH_LISTEN": "0.0.0.0:0"}
        program = self._folder / "app" / "bin" / "service"
        done = subprocess.run(
            [program], cwd=self._folder, env=environment, capture_output=True, text=True, timeout=120
        )
        if done.returncode != REFUSED or "tokens_file" not in done.stderr:
            raise RuntimeError(
                f"{program.resolve().name} ended with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stderr.strip()

    def megabytes(self) -> float:
        """Size of what the image gets beside its base."""
        files = (
            path for path in (self._folder / "app").rglob("*") if path.is_file() and not path.is_symlink()
        )
        return sum(path.stat().st_size for path in files) / 1e6


def main() -> int:
    """Replay for the services named on the command line, or all."""
    for service in sys.argv[1:] or SERVICES:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="labelmesh-image-") as folder:
            replay = Replay(service, Path(folder))
            for word, rest in build_stage():
                replay.step(word, rest)
            said = replay.start()
            seconds, size = time.monotonic() - started, replay.megabytes()
        print(f"{service}: {size:.0f} MB in {seconds:.0f} s; without tokens it says: {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
