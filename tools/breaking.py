"""Hold the contracts below protos/ to what callers and stored events already rely on, with `buf breaking`.

They are compared with main (origin/main where there is a remote), with the commit before when what is checked out is
main itself, and with the last release, the newest tag v*. A clone too shallow to have any of them, and an older state
without contracts, have nothing to compare with. Until the first release a break may be meant: a commit since then
that has the trailer `Contract-Break: <why>` in its message, or CONTRACT_BREAK=<why> before it is committed, lets it
pass with that reason printed. After it a break needs a new package version (v2).
"""

import os
import subprocess
import sys

from packages import ROOT

TRAILER = "Contract-Break"


def git(*arguments: str) -> str:
    """Output of a git command, empty when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit_of(name: str) -> str:
    """The commit that a name stands for, when it is here and has contracts."""
    commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return commit if commit and git("ls-tree", "--name-only", commit, "protos/buf.yaml") else ""


def last_release() -> str:
    """The newest tag v*, empty before the first release."""
    return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")


def references() -> dict[str, str]:
    """Commit -> what it is called."""
    names = ["origin/main" if commit_of("origin/main") else "main", last_release()]
    if commit_of(names[0]) == commit_of("HEAD"):
        names.append("HEAD^")
    return {commit: name for name in names if name and (commit := commit_of(name))}


def excuse(commit: str) -> str:
    """Why a break since a commit is meant; empty when it is not, and always after the first release."""
    if last_release():
        return ""
    since = git("log", f"--format=%(trailers:key={TRAILER},valueonly)", f"{commit}..HEAD", "--", "protos")
    return os.environ.get("CONTRACT_BREAK", "") or " ".join(since.split())


def broken(commit: str) -> str:
    """What buf says, empty when nothing is broken."""
    command = ["buf", "breaking", "--against", f"{ROOT / '.git'}#ref={commit},subdir=protos"]
    command[0] = os.path.join(os.path.dirname(sys.executable), "buf")
    done = subprocess.run(command, cwd=ROOT / "protos", capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def main() -> int:
    """Compare with every reference."""
    failed = False
    against = references()
    if not against:
        print("Contracts: no earlier state here to compare with.")
    for commit, name in against.items():
        said = broken(commit)
        why = excuse(commit) if said else ""
        if why:
            print(f"Contracts: broken against {name}, and meant: {why}")
        elif said:
            print(f"{said}\nContracts: broken against {name} ({commit[:9]}), see above.", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
