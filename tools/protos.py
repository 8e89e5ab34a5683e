"""Generate Python, type stubs and gRPC code into protos/gen; `--check` fails when that would change anything.

Run with the virtual environment's python: it needs grpcio-tools and mypy-protobuf.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "protos"
GENERATED = ROOT / "gen"


def generate(into: Path) -> None:
    """Run protoc over every .proto file."""
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "labelmesh").rglob("*.proto"))
    outputs = [f"--python_out={into}", f"--grpc_python_out={into}", f"--mypy_out=quiet:{into}"]
    outputs.append(f"--mypy_grpc_out=quiet:{into}")
    # protoc finds its plugins on the PATH, and they lie beside this python.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", *outputs, *sources]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PATH": path})


def generated(folder: Path) -> set[str]:
    """The generated files below a folder."""
    return {
        str(path.relative_to(folder))
        for path in (folder / "labelmesh").rglob("*.py*")
        if path.suffix in (".py", ".pyi")
    }


def check() -> int:
    """Compare a fresh generation with what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, kept = generated(Path(folder)), generated(GENERATED)
        _, changed, missing = filecmp.cmpfiles(folder, GENERATED, sorted(fresh), shallow=False)
        stale = sorted({*changed, *missing, *(kept - fresh)})
    for name in stale:
        print(f"protos/gen/{name} is not what the .proto files say; run `make protos`.", file=sys.stderr)
    return 1 if stale else 0


def main() -> int:
    """Generate, or check."""
    if "--check" in sys.argv[1:]:
        return check()
    shutil.rmtree(GENERATED / "labelmesh", ignore_errors=True)
    generate(GENERATED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
