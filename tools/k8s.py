"""Render deploy/k8s/base and every overlay, and validate each object strictly against the schemas of Kubernetes.

An object without a schema is a failure: all kinds in use are Kubernetes' own. Needs no cluster.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubectl
import kubernetes_validate
import yaml
from packages import ROOT

FOLDER = ROOT / "deploy" / "k8s"
# The oldest with native gRPC probes for all, and the newest that schemas are here for.
VERSIONS = ("1.27", kubernetes_validate.latest_version())


def roots() -> list[Path]:
    """Every folder that can be applied."""
    return [FOLDER / "base", *sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))]


def render(folder: Path) -> list[dict[str, Any]]:
    """The objects that `kubectl apply -k` would send."""
    done = subprocess.run([kubectl.find(), "kustomize", folder], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{folder.relative_to(ROOT)} cannot be rendered: {done.stderr.strip()}")
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def faults(item: dict[str, Any]) -> Iterator[str]:
    """What the schemas have against one object."""
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(str(step) for step in error.path)}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def main() -> int:
    """Validate everything; says what is wrong with which object."""
    failed = False
    for folder in roots():
        items = render(folder)
        for item in items:
            for fault in faults(item):
                print(
                    f"{folder.relative_to(ROOT)} {item['kind']}/{item['metadata']['name']}: {fault}",
                    file=sys.stderr,
                )
                failed = True
        if not failed:
            print(
                f"{folder.relative_to(ROOT)}: {len(items)} objects are valid for Kubernetes {' and '.join(VERSIONS)}"
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
