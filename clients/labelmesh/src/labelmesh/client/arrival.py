"""Services other than the system of record learn of a project by an event, a moment after it was created."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from labelmesh.client.calls import Pauses
from labelmesh.client.errors import LabelmeshError
from labelmesh.client.projects import Projects

T = TypeVar("T")

_PATIENCE_S = 15.0
_ASSETS_REASON = "ASSETS_MISSING"
PROJECT_REASONS = frozenset({"PROJECT_MISSING", "PROJECT_NOT_FOUND", "PROJECT_UNKNOWN"})


class Arrival:
    """Tells a project that has not arrived yet from one that does not exist, by asking the system of record."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    async def of(self, project: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, again for up to 15 s while the service does not know a project that exists, or not all of the
        assets that the call needs.

        Raises LabelmeshError: NOT_FOUND at once when there is no such project.
        """
        end = monotonic() + _PATIENCE_S
        pauses = Pauses()
        known = False
        while True:
            try:
                return await call()
            except LabelmeshError as error:
                if error.reason not in (*PROJECT_REASONS, _ASSETS_REASON):
                    raise
                if not known:
                    await self._projects.get(project)
                    known = True
                if not await pauses.wait(end):
                    raise
