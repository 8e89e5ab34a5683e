"""Asking the reviewer: one key on a terminal, one line where input is piped."""

import sys
from dataclasses import dataclass

import typer

from labelmesh.cli.console import out


class InputEnded(Exception):
    """There is no more input."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the reviewer wants: the key and, when it came on a line, the rest of that line."""

    key: str
    rest: str


def ask_key(prompt: str, keys: str) -> Request:
    """One of `keys`; asked again until it is. Raises InputEnded."""
    while True:
        if sys.stdin.isatty() and out.is_terminal:
            out.print(prompt, end=" ")
            key = typer.getchar().lower()
            out.print(key if key.isprintable() else "", markup=False)
            if key in ("\x03", "\x04"):
                raise InputEnded
            request = Request(key, "")
        else:
            line = ask_line(prompt)
            request = Request(line[:1].lower(), line[1:].strip())
        if request.key and request.key in keys:
            return request
        out.print(f"Press one of {', '.join(keys)}.", style="dim")


def ask_line(prompt: str) -> str:
    """A line without spaces around it; raises InputEnded."""
    out.print(prompt, end=" ")
    try:
        return input().strip()
    except EOFError:
        raise InputEnded from None
