"""Look at the size of rooms and at words that must not be committed.

A module of more than 300 lines or a function of more than 40 is named; past 330 and 60 it fails unless a comment
`# long: <why>` stands in the module's first ten lines or on the function's first line. Files that name a package
registry's host, and paths of one machine, fail too.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE, MODULE_MOST = 300, 330
FUNCTION, FUNCTION_MOST = 40, 60
# Put together from pieces so that this file does not name what it looks for.
HOSTS = re.compile(
    "|".join((r"pypi\." + "org", r"files\.python" + "hosted", r"registry\.npm" + "js", r"deb\." + "debian"))
)
MACHINE = re.compile("/ro" + r"ot/|/wo" + r"rk/(main|shared)")


def tracked() -> list[Path]:
    """Files that are or are about to be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def check_size(path: Path) -> tuple[list[str], bool]:
    """What is large in a module, and whether it is too large."""
    text = path.read_text()
    lines = text.splitlines()
    name = path.relative_to(ROOT)
    notes, failed = [], False
    if len(lines) > MODULE:
        notes.append(f"{name}: {len(lines)} lines")
        failed = len(lines) > MODULE_MOST and not any("# long:" in line for line in lines[:10])
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION:
                notes.append(f"{name}:{node.lineno}: {node.name} has {size} lines")
                failed |= size > FUNCTION_MOST and "# long:" not in lines[node.lineno - 1]
    return notes, failed


def check_words(path: Path) -> list[str]:
    """Lines that name what must not be named."""
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        return []
    name = path.relative_to(ROOT)
    return [
        f"{name}:{i}: names a registry's host or a machine's path"
        for i, line in enumerate(lines, 1)
        if HOSTS.search(line) or MACHINE.search(line)
    ]


def main() -> int:
    """Print what was found; 1 when something must change."""
    failed = False
    for path in tracked():
        if path.suffix == ".py" and "gen" not in path.parts:
            notes, large = check_size(path)
            failed |= large
            for note in notes:
                print(note)
        if path != Path(__file__).resolve():
            words = check_words(path)
            failed |= bool(words)
            for word in words:
                print(word)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
