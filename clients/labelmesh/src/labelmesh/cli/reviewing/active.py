"""How long a reviewer works on an item, without the time that nobody was there."""

from collections.abc import Callable
from time import monotonic

IDLE_SECONDS = 120.0
"""A longer wait for the next key counts as this long: whoever waited so long was away."""


class ActiveClock:
    """Runs from when an item is shown; each sign of life adds the time since the one before, cut at IDLE_SECONDS."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._last = now()
        self._seconds = 0.0

    def tick(self) -> None:
        """The reviewer did something."""
        now = self._now()
        self._seconds += min(now - self._last, IDLE_SECONDS)
        self._last = now

    @property
    def seconds(self) -> float:
        """Active seconds up to now."""
        return self._seconds + min(self._now() - self._last, IDLE_SECONDS)
