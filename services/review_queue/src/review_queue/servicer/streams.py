"""What every stream from a client needs at its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_DRAIN_SECONDS = 2.0


@asynccontextmanager
async def heard_out(messages: AsyncIterator[object]) -> AsyncIterator[None]:
    """Read on for a moment before an error of the block ends the call.

    A sender that is cut off in the middle of a message learns of a broken call, and not why.
    """
    try:
        yield
    except Exception:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in messages:
                    pass
        raise
