"""One hashed requirements file a service, the client and development; `--check` compares them with the pyprojects.

`locks/dev.txt` holds everything and is resolved first; the others are resolved within it, so that a service runs in
its image with the versions that the tests ran with. No file names where a package is downloaded from.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
LOCAL = {
    "labelmesh-protos": "protos",
    "labelmesh-labels": "libs/labels",
    "labelmesh-chassis": "libs/chassis",
    "labelmesh-review-queue": "services/review_queue",
    "labelmesh-llm-annotator": "services/llm_annotator",
    "labelmesh-qa-engine": "services/qa_engine",
    "labelmesh-sam-segmenter": "services/sam_segmenter",
    "labelmesh": "clients/labelmesh",
}
ONE_EACH = ("review_queue", "llm_annotator", "qa_engine", "sam_segmenter")


def name_of(requirement: str) -> str:
    """A requirement's distribution, normalised."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


def dependencies(distribution: str) -> set[str]:
    """What a local distribution needs from outside, through other local ones too."""
    project = tomllib.loads((ROOT / LOCAL[distribution] / "pyproject.toml").read_text())["project"]
    outside: set[str] = set()
    for requirement in project["dependencies"]:
        name = name_of(requirement)
        outside |= dependencies(name) if name in LOCAL else {requirement}
    return outside


def wanted() -> dict[str, set[str]]:
    """Lock file name -> requirements from outside."""
    needs = {f"{service}.txt": dependencies(f"labelmesh-{service.replace('_', '-')}") for service in ONE_EACH}
    needs["labelmesh.txt"] = dependencies("labelmesh")
    lines = (LOCKS / "dev.in").read_text().splitlines()
    development = {line for line in lines if line and not line.startswith("#")}
    return {"dev.txt": development.union(*(dependencies(d) for d in LOCAL)), **needs}


def resolve(name: str, requirements: set[str]) -> None:
    """Write one lock with uv, inside dev.txt unless it is dev.txt."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as source:
        source.write("\n".join(sorted(requirements)))
        source.flush()
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal"]
        flags = [
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-header",
            "--no-annotate",
        ]
        within = [] if name == "dev.txt" else ["--constraint", str(LOCKS / "dev.txt")]
        command = [
            *uv,
            *flags,
            *within,
            "--python-version",
            "3.11",
            source.name,
            "--output-file",
            str(LOCKS / name),
        ]
        subprocess.run(command, check=True, cwd=ROOT)


def locked(name: str) -> set[str]:
    """Distributions in a lock."""
    path = LOCKS / name
    text = path.read_text() if path.exists() else ""
    return {name_of(line) for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)}


def check() -> int:
    """Say what is needed and not locked, without asking anyone."""
    missing = {name: {name_of(r) for r in needs} - locked(name) for name, needs in wanted().items()}
    for name, names in missing.items():
        if names:
            print(f"locks/{name} lacks {', '.join(sorted(names))}; run `make locks`.", file=sys.stderr)
    return 1 if any(missing.values()) else 0


def main() -> int:
    """Resolve, or check."""
    if "--check" in sys.argv[1:]:
        return check()
    for name, requirements in wanted().items():
        resolve(name, requirements)
    return 0


if __name__ == "__main__":
    sys.exit(main())
