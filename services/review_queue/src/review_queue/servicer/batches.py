"""An import stream cut into batches."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from review_queue.errors import TooManyRows
from review_queue.importing import MAX_BATCH_BYTES, MAX_ROWS

MAX_MESSAGE_ROWS = 1_000
_PATIENCE_SECONDS = 0.05


class Sized(Protocol):
    """A row's message."""

    def ByteSize(self) -> int:
        """Its size on the wire."""


P = TypeVar("P", bound=Sized)
P_co = TypeVar("P_co", bound=Sized, covariant=True)
R = TypeVar("R")


class Rows(Protocol[P_co]):
    """A message of a stream of rows."""

    @property
    def rows(self) -> Sequence[P_co]:
        """The rows."""


@dataclass(slots=True)
class _Batch(Generic[R]):
    rows: list[R] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= MAX_ROWS or self.size >= MAX_BATCH_BYTES

    def add(self, row: R, size: int) -> None:
        self.rows.append(row)
        self.size += size


async def batches(
    first: Rows[P], rest: AsyncIterator[Rows[P]], read: Callable[[P], R]
) -> AsyncGenerator[list[R]]:
    """Rows as `read` makes them, in the order they came, some hundred at a time; raises TooManyRows.

    Small messages are gathered, but not for long: a client may wait for the answer before it sends more. No message
    is read before the batch ahead of it was taken away, so a slow store slows the sender down.
    """
    batch = _Batch[R]()
    async for message in _with_pauses(first, rest):
        if message is None:
            if batch.rows:
                yield batch.rows
                batch = _Batch[R]()
            continue
        if len(message.rows) > MAX_MESSAGE_ROWS:
            raise TooManyRows
        for pb in message.rows:
            batch.add(read(pb), pb.ByteSize())
            if batch.full:
                yield batch.rows
                batch = _Batch[R]()
    if batch.rows:
        yield batch.rows


async def _with_pauses(first: Rows[P], rest: AsyncIterator[Rows[P]]) -> AsyncIterator[Rows[P] | None]:
    """The messages, and None wherever the sender pauses."""
    yield first
    while True:
        # Read in a task of its own: giving up on a read that is under way would end the call.
        reading = asyncio.ensure_future(anext(rest, None))
        try:
            done, _ = await asyncio.wait({reading}, timeout=_PATIENCE_SECONDS)
            if not done:
                yield None
            message = await reading
        finally:
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
        if message is None:
            return
        yield message
