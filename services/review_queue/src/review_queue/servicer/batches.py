"""An import stream cut into batches."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from labelmesh.review.v1 import asset_service_pb2 as pb2
from labels.errors import LabelError
from labels.proto import asset_from_pb
from review_queue.errors import TooManyRows
from review_queue.importing import MAX_BATCH_BYTES, MAX_ROWS, Row

MAX_MESSAGE_ROWS = 1_000
_PATIENCE_SECONDS = 0.05


@dataclass(slots=True)
class _Batch:
    rows: list[Row] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= MAX_ROWS or self.size >= MAX_BATCH_BYTES

    def add(self, pb: pb2.ImportRow) -> None:
        self.rows.append(_row(pb))
        self.size += pb.ByteSize()


async def batches(
    first: pb2.ImportAssetsRequest, rest: AsyncIterator[pb2.ImportAssetsRequest]
) -> AsyncGenerator[list[Row]]:
    """Rows in the order they came, some hundred at a time; raises TooManyRows.

    Small messages are gathered, but not for long: a client may wait for the answer before it sends more. No message
    is read before the batch ahead of it was taken away, so a slow store slows the sender down.
    """
    batch = _Batch()
    async for message in _with_pauses(first, rest):
        if message is None:
            if batch.rows:
                yield batch.rows
                batch = _Batch()
            continue
        if len(message.rows) > MAX_MESSAGE_ROWS:
            raise TooManyRows
        for pb in message.rows:
            batch.add(pb)
            if batch.full:
                yield batch.rows
                batch = _Batch()
    if batch.rows:
        yield batch.rows


async def _with_pauses(
    first: pb2.ImportAssetsRequest, rest: AsyncIterator[pb2.ImportAssetsRequest]
) -> AsyncIterator[pb2.ImportAssetsRequest | None]:
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


def _row(pb: pb2.ImportRow) -> Row:
    try:
        return Row(pb.line, asset_from_pb(pb.asset))
    except LabelError as error:
        return Row(pb.line, error)
