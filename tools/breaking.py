"""Compare the contracts with the last ones on main: nothing may change that breaks a caller or a stored event.

The state to hold to is `origin/main` where there is one, else `main` when something else is checked out, else the
commit before. A repository whose older state has no contracts yet has nothing to break.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def git(*arguments: str) -> str | None:
    """Output of a git command, None when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def reference() -> str | None:
    """The commit to compare with, None when there is none with contracts."""
    head = git("rev-parse", "HEAD")
    for name in ("origin/main", "main", "HEAD~1"):
        commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if (
            commit
            and (commit != head or name == "HEAD~1")
            and git("cat-file", "-e", f"{commit}:protos/buf.yaml") is not None
        ):
            return commit
    return None


def main() -> int:
    """Run buf breaking."""
    commit = reference()
    if commit is None:
        print("No earlier contracts to compare with.")
        return 0
    buf = str(Path(sys.executable).with_name("buf"))
    against = f"{ROOT / '.git'}#ref={commit},subdir=protos"
    return subprocess.run([buf, "breaking", "--against", against], cwd=ROOT / "protos").returncode


if __name__ == "__main__":
    sys.exit(main())
