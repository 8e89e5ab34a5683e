"""Make .venv with everything in it: the hashed lock first, then the project's own packages as editable.

Runs with the system's Python before anything is installed, so it uses the standard library alone. What is done is
remembered in .venv/ready, so that a second run takes no time.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "locks" / "dev.txt"
PACKAGES = [
    "protos",
    "libs/labels",
    "libs/chassis",
    "services/review_queue",
    "services/llm_annotator",
    "services/qa_engine",
    "services/sam_segmenter",
    "clients/labelmesh",
]
OLDEST = (3, 11)


def fingerprint() -> str:
    """Changes when anything that is installed changes."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for path in (LOCK, *(ROOT / package / "pyproject.toml" for package in PACKAGES)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pip(*arguments: str) -> None:
    """Run the environment's pip; ends with a sentence when it fails."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(
            "pip could not install everything (its reason stands above). Run `make setup` again to go on."
        )


def main() -> None:
    """Bring .venv up to date."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Labelmesh needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try `make setup PYTHON=python3.12`."
        )
    stamp, wanted = VENV / "ready", fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not (VENV / "bin" / "python").exists():
        print("Making .venv ...", flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as error:
            sys.exit(
                f"The virtual environment could not be made ({error}). On Debian: apt-get install python3-venv"
            )
    print("Installing the locked packages into .venv; the first time takes a few minutes ...", flush=True)
    pip("install", "-q", "--progress-bar", "on", "--require-hashes", "-r", str(LOCK))
    print("Installing Labelmesh itself ...", flush=True)
    editable = [argument for package in PACKAGES for argument in ("-e", f"./{package}")]
    pip("install", "-q", "--no-deps", "--no-build-isolation", *editable)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
