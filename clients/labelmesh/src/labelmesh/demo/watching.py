"""Whoever watches a demo, and steps that are timed for them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from time import monotonic
from typing import Protocol

from labelmesh.client import LabelmeshError


class DemoFailed(Exception):
    """The demo could not go on."""


class Watching(Protocol):
    """Is told of every step."""

    def step(self, what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A step begins; the value is called with how many of `total` are done, and leaving it ends the step."""


class Steps:
    """Steps of one project: shown to the one who watches, and their seconds noted by name."""

    def __init__(self, project: str, seconds: dict[str, float], watching: Watching) -> None:
        self._project = project
        self._seconds = seconds
        self._watching = watching

    @asynccontextmanager
    async def step(self, what: str, total: int | None = None) -> AsyncIterator[Callable[[int], None]]:
        """A step; raises DemoFailed when a call in it fails."""
        began = monotonic()
        with self._watching.step(f"{self._project}: {what}", total) as advance:
            try:
                yield advance
            except LabelmeshError as error:
                raise DemoFailed(f"{what} of {self._project} failed: {error.message}") from error
        self._seconds[what] = round(monotonic() - began, 2)
