"""Make .venv with everything in it: the hashed lock first, then the project's own packages as editable.

Runs with the system's Python before anything is installed, so it uses the standard library alone and no syntax that an
old Python cannot read. What is done is remembered in .venv/ready, so that a second run takes no time.
"""

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


def fingerprint():
    """Changes when anything that is installed changes."""
    digest = hashlib.sha256((sys.version + str(ROOT)).encode())
    for path in [LOCK] + [pyproject(name) for name in LOCAL]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def right_python():
    """Go on with a Python that the lock is made for, when this one is not and another is on the PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which("python3.%d" % minor)
        # A version manager's stand-in may be on the PATH for a Python that is not installed.
        if other and subprocess.call([other, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            os.execv(other, [other] + sys.argv)
    have = sys.version.split()[0]
    if sys.version_info[:2] < OLDEST:
        sys.exit("Labelmesh needs Python 3.11 or newer; this is %s. Try `make setup PYTHON=/path/to/python3`." % have)
    print("Python %s is newer than what the tests run on (3.11 to 3.13); going on." % have, flush=True)


def make_environment():
    """A virtual environment with pip; one that was left half made is made again."""
    whole = PYTHON.exists() and subprocess.call([str(PYTHON), "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0
    if whole:
        return
    print("Making .venv ...", flush=True)
    try:
        import venv

        venv.create(str(VENV), with_pip=True, clear=True, symlinks=True)
    except (ImportError, OSError, subprocess.CalledProcessError):
        shutil.rmtree(str(VENV), ignore_errors=True)
        version = "%d.%d" % sys.version_info[:2]
        sys.exit("Python %s came without its venv module. On Debian: apt-get install python%s-venv" % (version, version))


def pip(arguments, total):
    """Run the environment's pip with one line of progress; ends with its reason and a sentence when it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off"]
    started, seen, said = time.monotonic(), 0, []
    running = subprocess.Popen(
        command + arguments,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=dict(os.environ, PIP_ROOT_USER_ACTION="ignore"),
    )
    for line in running.stdout:
        said = (said + [line])[-200:]
        found = re.match(r"\s*(?:Collecting|Obtaining|Requirement already satisfied:) ([^\s=<>;(]+)", line)
        installing = line.startswith("Installing collected")
        seen += bool(found)
        if sys.stdout.isatty() and (found or installing):
            what = "installing" if installing else found.group(1)
            print("\r  %3d of %d  %-48.48s" % (min(seen, total), total, what), end="", flush=True)
    if sys.stdout.isatty():
        print("\r%-70s\r" % "", end="")
    if running.wait():
        sys.stderr.writelines([line for line in said if line.strip()][-ERROR_LINES:])
        sys.exit("pip could not install everything; its reason stands above. `make setup` goes on where it stopped.")
    print("  %d packages, %.0f s" % (total, time.monotonic() - started), flush=True)


def main():
    """Bring .venv up to date."""
    right_python()
    stamp, wanted = VENV / "ready", fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    make_environment()
    print("Installing the locked packages into .venv; the first time takes a minute or two ...", flush=True)
    pip(["--require-hashes", "-r", str(LOCK)], total=len(re.findall(r"(?m)^[\w.-]+==", LOCK.read_text())))
    print("Installing Labelmesh itself ...", flush=True)
    editable = [word for folder in LOCAL.values() for word in ("-e", "./" + folder)]
    pip(["--no-deps", "--no-build-isolation"] + editable, total=len(LOCAL))
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
