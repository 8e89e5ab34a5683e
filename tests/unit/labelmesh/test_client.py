"""The client against a real gRPC server that misbehaves on command."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import aio
from grpc_status import rpc_status

from labelmesh.client import Client, Endpoints, ImportRow, LabelmeshError, NotConnected, Refused, Tls
from labelmesh.client.importing import BYTES_A_MESSAGE, Batches
from labelmesh.review.v1 import asset_service_pb2, project_service_pb2, queue_service_pb2
from labels.asset import Asset

Handler = Callable[[Any, Any], Any]


@asynccontextmanager
async def serving(
    service: str, *, delay_seconds: float = 0, **methods: tuple[Any, Any]
) -> AsyncIterator[Client]:
    """A server with these methods (handler, request type), and a client of it; the way between may be long."""
    server = aio.server()
    handlers = {}
    for name, (behaviour, request_type) in methods.items():
        make = (
            grpc.stream_stream_rpc_method_handler if "Import" in name else grpc.unary_unary_rpc_method_handler
        )
        handlers[name] = make(
            behaviour,
            request_deserializer=request_type.FromString,
            response_serializer=lambda m: m.SerializeToString(),
        )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with _way(port, delay_seconds) as address, Client(Endpoints(review_queue=address)) as client:
        yield client
    await server.stop(0)


@asynccontextmanager
async def _way(port: int, delay_seconds: float) -> AsyncIterator[str]:
    """Where the port can be reached, so much later than itself."""
    if not delay_seconds:
        yield f"127.0.0.1:{port}"
        return
    passing: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing.add(asyncio.create_task(_pass_on(port, delay_seconds, reader, writer)))

    way = await asyncio.start_server(connected, "127.0.0.1", 0)
    yield "{}:{}".format(*way.sockets[0].getsockname())
    way.close()
    # Left open they would be somebody else's warning, whenever they are collected.
    await asyncio.gather(*passing)


async def _pass_on(
    port: int, delay_seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """What a client says, and what the server says back, that much later."""
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_seconds)
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
        target.close()
        await target.wait_closed()

    await asyncio.gather(copy(reader, behind_writer), copy(behind_reader, writer))


def project(name: str) -> project_service_pb2.GetProjectResponse:
    response = project_service_pb2.GetProjectResponse()
    response.project.name = name
    return response


async def test_an_idempotent_call_survives_a_service_that_is_briefly_away() -> None:
    calls = 0

    async def get(request: Any, context: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < 3:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return project(request.name)

    async with serving(
        "labelmesh.review.v1.ProjectService", GetProject=(get, project_service_pb2.GetProjectRequest)
    ) as client:
        assert (await client.projects.get("tickets")).id == "tickets"
    assert calls == 3


async def test_a_call_that_must_not_be_repeated_is_made_once() -> None:
    calls = 0

    async def lease(_request: Any, context: Any) -> Any:
        nonlocal calls
        calls += 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")

    async with serving(
        "labelmesh.review.v1.QueueService", LeaseNext=(lease, queue_service_pb2.LeaseNextRequest)
    ) as client:
        with pytest.raises(NotConnected):
            await client.queue.lease_next("tickets")
    assert calls == 1


async def test_a_call_that_must_not_be_repeated_gets_through_where_connecting_takes_a_while() -> None:
    async def lease(_request: Any, _context: Any) -> Any:
        return queue_service_pb2.LeaseNextResponse()

    methods = {"LeaseNext": (lease, queue_service_pb2.LeaseNextRequest)}
    async with serving("labelmesh.review.v1.QueueService", delay_seconds=0.3, **methods) as client:
        assert await client.queue.lease_next("tickets") == ()


async def test_other_errors_are_not_retried_and_carry_code_reason_and_sentence() -> None:
    calls = 0

    async def get(_request: Any, context: Any) -> Any:
        nonlocal calls
        calls += 1
        status = status_pb2.Status(code=grpc.StatusCode.NOT_FOUND.value[0], message="There is no project x.")
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="PROJECT_NOT_FOUND", domain="labelmesh"))
        await context.abort_with_status(rpc_status.to_status(status))

    async with serving(
        "labelmesh.review.v1.ProjectService", GetProject=(get, project_service_pb2.GetProjectRequest)
    ) as client:
        with pytest.raises(Refused) as caught:
            await client.projects.get("xx")
    error = caught.value
    assert (error.code, error.reason, error.message) == (
        "NOT_FOUND",
        "PROJECT_NOT_FOUND",
        "There is no project x.",
    )
    assert calls == 1


async def test_an_import_goes_on_after_a_broken_connection_without_losing_a_row() -> None:
    stored: dict[str, str] = {}
    connections = 0

    async def take(requests: Any, context: Any) -> Any:
        nonlocal connections
        connections += 1
        async for request in requests:
            response = asset_service_pb2.ImportAssetsResponse()
            for row in request.rows:
                response.skipped += row.asset.key in stored
                response.imported += row.asset.key not in stored
                stored[row.asset.key] = row.asset.text
            if request.rows and connections < 4 and len(stored) > 600 * connections:
                # Stored, but the answer is lost: the client must send these rows again.
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            response.project_asset_count = len(stored)
            yield response

    rows = [ImportRow(i, Asset(f"k{i}", text=f"text {i}")) for i in range(1, 3001)]
    async with serving(
        "labelmesh.review.v1.AssetService", ImportAssets=(take, asset_service_pb2.ImportAssetsRequest)
    ) as client:
        done = await client.assets.import_rows("tickets", iter(rows))
    assert connections == 4
    assert len(stored) == 3000
    assert done.rows == done.imported + done.skipped == 3000
    assert done.project_asset_count == 3000


def test_import_messages_stay_small() -> None:
    rows = [ImportRow(i, Asset(f"k{i}", text="ä" * (500_000 if i % 7 == 0 else 5))) for i in range(1, 2000)]
    batches = Batches(iter(rows), "p1")
    sizes = []
    seen = 0
    while batch := batches.next():
        seen += len(batch)
        sizes.append(sum(row.ByteSize() for row in batch))
    assert seen == len(rows)
    assert max(sizes) <= BYTES_A_MESSAGE


async def test_nothing_listening_is_one_sentence_with_the_address() -> None:
    async with Client(Endpoints(review_queue="127.0.0.1:9")) as client:
        with pytest.raises(NotConnected, match=r"review-queue cannot be reached at 127.0.0.1:9\."):
            await client.queue.lease_next("tickets")


async def test_a_token_does_not_leave_the_machine_in_plain_text() -> None:
    away = Endpoints(review_queue="queue.example:443")
    with pytest.raises(LabelmeshError, match="only over TLS"):
        Client(away, token="secret")
    Client(away, token="secret", tls=Tls())
    Client(away, token="secret", allow_plaintext=True)
    Client(token="secret")
