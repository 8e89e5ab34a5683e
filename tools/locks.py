"""One hashed requirements file a service, the client and development; `--check` compares them with the pyprojects.

`locks/dev.txt` holds everything and is resolved first; the others are resolved within it, so that a service runs in
its image with the versions that the tests ran with. `locks/build.txt` is what an image needs to build our own
packages. No file names where a package is downloaded from. Checking asks no network.
"""

import re
import subprocess
import sys
import tempfile
import tomllib

from packages import LOCAL, LOCKS, SERVICES, name_of, pyproject
from packaging.requirements import Requirement

PIN = re.compile(r"(?m)^([\w.-]+)==(\S+)([^\n]*)\n((?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n)*)")
UV = (
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
)


def dependencies(distribution: str, extra: str = "") -> set[str]:
    """What a local distribution needs from outside, through other local ones too."""
    project = tomllib.loads(pyproject(distribution).read_text())["project"]
    needs = [*project["dependencies"], *project.get("optional-dependencies", {}).get(extra, ())]
    outside: set[str] = set()
    for requirement in needs:
        name = name_of(requirement)
        outside |= dependencies(name) if name in LOCAL else {requirement}
    return outside


def wanted() -> dict[str, set[str]]:
    """Lock file name -> requirements from outside; dev.txt first, as the others are resolved within it."""
    lines = (LOCKS / "dev.in").read_text().splitlines()
    development = {line for line in lines if line and not line.startswith("#")}
    development = development.union(
        dependencies("labelmesh", extra="local"),
        dependencies("labelmesh", extra="plots"),
        *(dependencies(name) for name in LOCAL),
    )
    services = {
        f"{service}.txt": dependencies(f"labelmesh-{service.replace('_', '-')}") for service in SERVICES
    }
    client = {"labelmesh.txt": dependencies("labelmesh")}
    return {"dev.txt": development, **services, **client, "build.txt": {"setuptools"}}


def resolve(name: str, requirements: set[str]) -> None:
    """Write one lock with uv, inside dev.txt unless it is dev.txt."""
    within = [] if name == "dev.txt" else ["--constraint", str(LOCKS / "dev.txt")]
    with tempfile.NamedTemporaryFile("w", suffix=".in") as source:
        source.write("\n".join(sorted(requirements)))
        source.flush()
        command = ["uv", *UV, *within, source.name, "--output-file", str(LOCKS / name)]
        subprocess.run([sys.executable, "-m", *command], check=True)


def pins(name: str) -> dict[str, list[tuple[str, str]]]:
    """Distribution -> its versions with their markers; a universal lock may hold one for each range of Pythons."""
    path = LOCKS / name
    found: dict[str, list[tuple[str, str]]] = {}
    for distribution, version, marker, hashes in PIN.findall(path.read_text() if path.exists() else ""):
        if not hashes:
            raise SystemExit(f"locks/{name}: {distribution} has no hashes; run `make locks`.")
        found.setdefault(name_of(distribution), []).append((version, marker.strip(" \\")))
    return found


def problems(name: str, requirements: set[str], everything: dict[str, list[tuple[str, str]]]) -> list[str]:
    """What a lock lacks, holds in a version that is not wanted, or holds otherwise than dev.txt."""
    found = pins(name)
    said = []
    for requirement in map(Requirement, sorted(requirements)):
        versions = [version for version, _marker in found.get(name_of(requirement.name), [])]
        if not versions or not all(requirement.specifier.contains(v, prereleases=True) for v in versions):
            said.append(
                f"locks/{name} has {requirement.name} {' and '.join(versions) or 'not'}; {requirement} is needed"
            )
    for distribution, held in found.items():
        here = {version for version, _marker in held}
        if not here <= {version for version, _marker in everything.get(distribution, [])}:
            said.append(
                f"locks/{name} has {distribution} {' and '.join(sorted(here))}, locks/dev.txt has not"
            )
    return said


def check() -> int:
    """Say what is needed and not locked, without asking anyone."""
    everything = pins("dev.txt")
    needs = wanted()
    said = [line for name, requirements in needs.items() for line in problems(name, requirements, everything)]
    said += [
        f"locks/{path.name} belongs to nothing" for path in LOCKS.glob("*.txt") if path.name not in needs
    ]
    for line in said:
        print(f"{line}; run `make locks`.", file=sys.stderr)
    return 1 if said else 0


def main() -> int:
    """Resolve, or check."""
    if "--check" in sys.argv[1:]:
        return check()
    for name, requirements in wanted().items():
        print(f"locks/{name}", flush=True)
        resolve(name, requirements)
    return 0


if __name__ == "__main__":
    sys.exit(main())
