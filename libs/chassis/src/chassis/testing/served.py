"""A servicer behind a real socket."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import grpc

from chassis.errors import ErrorTable
from chassis.serve import Registration, Server
from chassis.settings import ServiceSettings


@asynccontextmanager
async def serving(
    servicers: Sequence[Registration],
    errors: ErrorTable | Mapping[type[Exception], grpc.StatusCode] | None = None,
    settings: ServiceSettings | None = None,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the servicers, served as a service would on a free port of the loopback address."""
    table = errors if isinstance(errors, ErrorTable) else ErrorTable(errors or {})
    server = Server(settings or ServiceSettings(grace_seconds=1), servicers, table)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield channel
    finally:
        await server.drain()
