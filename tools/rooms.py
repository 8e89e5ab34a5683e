"""Look at the size of rooms, and for words that must not be committed.

A module of more than 300 lines or a function of more than 40 is named; past 330 and 60 it fails unless a comment
`# long: <why>` stands in the module's first ten lines, or on the line of the function's `def`. Files that name the
host of a package registry, or a path of somebody's machine, fail too: a lock or a script with such a name in it works
in one place only.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packages import ROOT

MODULE, MODULE_MOST = 300, 330
FUNCTION, FUNCTION_MOST = 40, 60
GENERATED = "protos/gen/"
# In pieces, so that this file does not name what it looks for.
HOSTS = {
    "pypi": r"pypi\.(org|python\.org)|test\.pypi",
    "files": r"python" + r"hosted\.org",
    "npm": r"(registry|r|www)\.npm" + r"js\.(org|com)|registry\.yarn" + r"pkg\.com",
    "debian": r"(deb|ftp|security|snapshot)\.deb" + r"ian\.org|archive\.ubun" + r"tu\.com",
    "others": r"crates"
    + r"\.io|proxy\.go"
    + r"lang\.org|ruby"
    + r"gems\.org|ana"
    + r"conda\.(org|com)|repo1?\.ma"
    + r"ven",
}
HOST = re.compile("|".join(HOSTS.values()), re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.])/(ro" + r"ot|wo" + r"rk|ho" + r"me/\w+|Use" + r"rs/\w+)/[\w.]")


def tracked() -> list[str]:
    """Files that are committed or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file() and not name.startswith(GENERATED)]


def long_rooms(name: str, text: str) -> Iterator[tuple[str, bool]]:
    """What is long in a module, and whether that is too long."""
    lines = text.splitlines()
    if len(lines) > MODULE:
        excused = any("# long:" in line for line in lines[:10])
        yield f"{name}: {len(lines)} lines", len(lines) > MODULE_MOST and not excused
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION:
                too_long = size > FUNCTION_MOST and "# long:" not in lines[node.lineno - 1]
                yield f"{name}:{node.lineno}: {node.name} has {size} lines", too_long


def named_places(name: str, text: str) -> Iterator[tuple[str, bool]]:
    """Lines that name what must not be named."""
    for number, line in enumerate(text.splitlines(), 1):
        if HOST.search(line):
            yield f"{name}:{number}: names the host of a package registry", True
        if MACHINE.search(line):
            yield f"{name}:{number}: names a path of one machine", True


def main() -> int:
    """Print what was found; 1 when something must change."""
    found: list[tuple[str, bool]] = []
    for name in tracked():
        try:
            text = Path(ROOT, name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += named_places(name, text)
        if name.endswith(".py"):
            found += long_rooms(name, text)
    for sentence, failed in found:
        print(f"{'error' if failed else 'note '}  {sentence}")
    return 1 if any(failed for _sentence, failed in found) else 0


if __name__ == "__main__":
    sys.exit(main())
