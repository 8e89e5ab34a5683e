"""Whoever watches a demo."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Watching(Protocol):
    """Is told of every step."""

    def step(self, what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A step begins; the value is called with how many of `total` are done, and leaving it ends the step."""
