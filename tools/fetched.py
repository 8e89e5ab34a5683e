"""Environments that only some tests and benchmarks need, made once in the user's cache folder, of pinned packages."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path


def environment(
    name: str, pinned: Path, options: Sequence[str] = (), finish: Callable[[Path], None] = lambda home: None
) -> Path:
    """A virtual environment with the packages of a requirements file; `options` are pip's, `finish` completes it.

    Several processes may ask at once: one makes it. A changed file or another Python makes another one.
    """
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]
    home = _cache() / f"{name}-py{sys.version_info.major}{sys.version_info.minor}-{digest}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            print(f"Fetching what {name} needs into {home} ...", file=sys.stderr, flush=True)
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *options]
            subprocess.run([*pip, "-r", str(pinned)], check=True)
            finish(home)
            (home / "complete").touch()
    return home


def packages(home: Path) -> Path:
    """Where an environment keeps its packages."""
    return home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _cache() -> Path:
    if chosen := os.environ.get("LABELMESH_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "labelmesh"
