"""Make .venv with everything in it: the hashed lock first, then the project's own packages as editable.

Runs with the system's Python before anything is installed, so it uses the standard library alone and no syntax that an
old Python cannot read. What is done is remembered in .venv/ready, so that a second run takes no time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

from packages import LOCAL, LOCKS, ROOT, pyproject

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = LOCKS / "dev.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
ERROR_LINES = 15


def fingerprint() -> str:
    """Changes when anything that is installed changes."""
    digest = hashlib.sha256((sys.version + str(ROOT)).encode())
    for path in [LOCKS / "build.txt", LOCK, *(pyproject(name) for name in LOCAL)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def right_python() -> None:
    """Go on with a Python that the lock is made for, when this one is not and another is on the PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        # A version manager's stand-in may be on the PATH for a Python that is not installed.
        if (
            other
            and subprocess.call([other, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            == 0
        ):
            os.execv(other, [other, *sys.argv])  # noqa: S606 - the same program under another Python
    have = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST:
        sys.exit(
            f"Labelmesh needs Python 3.11 or newer; this is {have}. Try `make setup PYTHON=/path/to/python3`."
        )
    print(f"Python {have} is newer than those the tests run on (3.11 to 3.13); going on.", flush=True)


def usable() -> bool:
    """Whether .venv is there, is of this Python and has pip; an interrupted set-up may have left half of it."""
    if not PYTHON.exists():
        return False
    ask = [str(PYTHON), "-c", "import pip, sys; print(sys.version)"]
    done = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    return done.returncode == 0 and done.stdout.strip() == sys.version.strip()


def make_environment() -> None:
    """A new virtual environment with pip in place of whatever is there."""
    print("Making .venv ...", flush=True)
    try:
        import venv

        venv.create(str(VENV), with_pip=True, clear=True, symlinks=True)
    except OSError as error:
        sys.exit(f".venv could not be made: {error}")
    except (ImportError, subprocess.CalledProcessError):
        shutil.rmtree(str(VENV), ignore_errors=True)
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        package = f"python{version}-venv"
        sys.exit(f"Python {version} came without its venv module. On Debian: apt-get install {package}")


def pip(arguments: list[str], total: int) -> None:
    """Run the environment's pip with one line of progress; ends with its reason and a sentence when it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    started, seen = time.monotonic(), 0
    said: list[str] = []
    running = subprocess.Popen(
        [*command, "--progress-bar", "off", *arguments],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=dict(os.environ, PIP_ROOT_USER_ACTION="ignore"),
    )
    for line in running.stdout or ():
        said = [*said[-200:], line]
        found = re.match(r"\s*(?:Collecting|Obtaining|Requirement already satisfied:) ([^\s=<>;(]+)", line)
        seen += bool(found)
        if sys.stdout.isatty() and (found or line.startswith("Installing collected")):
            what = found.group(1) if found else "installing"
            print(f"\r  {min(seen, total):3} of {total}  {what:48.48}", end="", flush=True)
        elif found and seen % 25 == 0:
            print(f"  {seen} of {total}", flush=True)
    if sys.stdout.isatty():
        print(f"\r{'':70}\r", end="")
    if running.wait():
        sys.stderr.writelines([line for line in said if line.strip()][-ERROR_LINES:])
        sys.exit(
            "pip could not install everything; its reason stands above. `make setup` goes on where it stopped."
        )
    print(f"  {total} packages, {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Bring .venv up to date."""
    right_python()
    stamp, wanted = VENV / "ready", fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not usable():
        make_environment()
    print("Installing the locked packages into .venv; the first time takes a minute or two ...", flush=True)
    # The build backend first, by its hash too: what has no wheel is built with it instead of with whatever is newest.
    pip(["--require-hashes", "-r", str(LOCKS / "build.txt")], total=1)
    pip(
        ["--require-hashes", "--no-build-isolation", "-r", str(LOCK)],
        total=len(re.findall(r"(?m)^[\w.-]+==", LOCK.read_text())),
    )
    print("Installing Labelmesh itself ...", flush=True)
    editable = [word for folder in LOCAL.values() for word in ("-e", "./" + folder)]
    pip(["--no-deps", "--no-build-isolation", *editable], total=len(LOCAL))
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
