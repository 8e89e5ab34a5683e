"""One way to call a service: with a deadline, the caller's credentials, and retries where they are safe."""

import asyncio
import random
from collections.abc import AsyncIterator
from time import monotonic
from typing import TypeVar

from google.protobuf.message import Message
from grpc import StatusCode, aio

from labelmesh.client.errors import from_rpc

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

DEADLINE_S = 30.0
STREAM_DEADLINE_S = 6 * 3600.0
PATIENCE_S = 15.0
_FIRST_PAUSE_S = 0.1
_BROKEN_WRITE = "Internal error from Core"
_LONGEST_PAUSE_S = 2.0


class Link:
    """A service as the client sees it: its channel, its address for messages, the caller's metadata."""

    def __init__(
        self, service: str, address: str, channel: aio.Channel, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self.service = service
        self.address = address
        self.channel = channel
        self.metadata = metadata

    async def unary(
        self,
        method: aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        repeatable: bool,
        deadline_s: float = DEADLINE_S,
        patience_s: float = PATIENCE_S,
    ) -> Response:
        """Call, each attempt for at most `deadline_s`.

        While the service is UNAVAILABLE a call that is harmless to repeat is tried again for `patience_s`:
        long enough for a service to be restarted. Raises LabelmeshError.
        """
        end = monotonic() + patience_s
        pauses = Pauses()
        while True:
            try:
                return await method(request, timeout=deadline_s, metadata=self.metadata)
            except aio.AioRpcError as error:
                if not (repeatable and error.code() is StatusCode.UNAVAILABLE) or not await pauses.wait(end):
                    raise from_rpc(error, self.service, self.address) from error

    async def stream(
        self,
        method: aio.UnaryStreamMultiCallable[Request, Response],
        request: Request,
        *,
        deadline_s: float = STREAM_DEADLINE_S,
    ) -> AsyncIterator[Response]:
        """The answers of a server stream in order; raises LabelmeshError when it breaks."""
        call = method(request, timeout=deadline_s, metadata=self.metadata)
        try:
            async for response in call:
                yield response
        except aio.AioRpcError as error:
            raise from_rpc(error, self.service, self.address) from error
        finally:
            call.cancel()


def connection_lost(error: aio.AioRpcError) -> bool:
    """Whether a call with a request stream ended for want of a connection rather than for what it asked.

    A service that stops cancels the streams still open; a write into a connection that just broke ends, in the
    transport itself, as INTERNAL before the real status is read.
    """
    if error.code() in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED):
        return True
    return error.code() is StatusCode.INTERNAL and error.details() == _BROKEN_WRITE


class Pauses:
    """Growing pauses with jitter between attempts, so that many callers do not come back all at once."""

    def __init__(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    async def wait(self, end: float) -> bool:
        """Sleep; False at once when the pause would pass `end` (of the monotonic clock)."""
        pause_s = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        if monotonic() + pause_s >= end:
            return False
        self._next_s = min(self._next_s * 2, _LONGEST_PAUSE_S)
        await asyncio.sleep(pause_s)
        return True
