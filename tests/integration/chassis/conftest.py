"""A small service made of the chassis alone: a table of facts filled by events, and four kinds of call."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select

from chassis import bus, migrate, outbox
from chassis.bus import Consumer, Handler
from chassis.db import Database, connect
from chassis.event_tables import outbox as outbox_table
from chassis.publishing import Outgoing
from chassis.settings import ServiceSettings
from chassis.subjects import DEADLETTER_PREFIX, DEADLETTER_STREAM
from chassis.testing import NatsServer
from labelmesh.review.v1.review_events_pb2 import AssetsImported

metadata = MetaData()
facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
)
SUBJECT = f"{AssetsImported.DESCRIPTOR.full_name}.P1"


@dataclass
class World:
    """A database with the tables of the chassis and one of its own, and a link to the broker."""

    db: Database
    bus: bus.Bus
    settings: ServiceSettings
    facts: Table = facts

    def consumer(self, handler: Handler | None = None, **options: Any) -> Consumer:
        """A consumer that keeps the name of every event, or does what the handler does."""
        handlers: Mapping[type[Any], Handler] = {AssetsImported: handler or keep}
        return Consumer(self.bus, self.db, **{"service": "tester", "handlers": handlers, **options})

    async def emit(self, names: Iterable[str], **options: Any) -> None:
        """One transaction that emits an event a name."""
        async with self.db.begin() as conn:
            await outbox.add_many(
                conn, [(AssetsImported(project=name), "P1", None) for name in names], **options
            )

    async def publish(self, body: bytes, **headers: str) -> None:
        """What another service's relay does."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        assert await self.bus.send([Outgoing(SUBJECT, body, named)]) == [""]

    async def names(self) -> list[str]:
        """What is in the table, in the order of its coming."""
        async with self.db.read() as conn:
            return list(await conn.scalars(select(facts.c.name).order_by(facts.c.id)))

    async def reached(self, count: int) -> None:
        """Wait for that many facts, and a moment for one too many."""

        async def enough() -> bool:
            async with self.db.read() as conn:
                return (await conn.scalar(select(func.count()).select_from(facts)) or 0) >= count

        await eventually(enough)
        await asyncio.sleep(0.2)

    async def outbox_empty(self) -> None:
        """Wait until everything emitted is with the broker."""

        async def empty() -> bool:
            async with self.db.read() as conn:
                return not await conn.scalar(select(func.count()).select_from(outbox_table))

        await eventually(empty)

    async def dead(self, count: int) -> list[Mapping[str, str]]:
        """The headers of the dead letters, once there are that many."""
        await self.bus.ensure_stream(DEADLETTER_PREFIX)

        async def enough() -> bool:
            return (await self.bus.js.stream_info(DEADLETTER_STREAM)).state.messages >= count

        await eventually(enough)
        last = (await self.bus.js.stream_info(DEADLETTER_STREAM)).state.last_seq
        found = [await self.bus.js.get_msg(DEADLETTER_STREAM, seq) for seq in range(1, last + 1)]
        return [message.headers or {} for message in found]


async def keep(conn: Any, events: Any) -> None:
    """The handler of most tests."""
    await conn.execute(insert(facts), [{"name": event.message.project[:64]} for event in events])


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 90) -> None:
    """Wait until it is so; the limit only ends a test that hangs."""
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(url: str, broker_url: str, folder: Path) -> AsyncIterator[World]:
    """The world on that database and broker."""
    settings = ServiceSettings(
        service="tester", nats_url=broker_url, database_url=url, blob_url=f"file:{folder}/blobs", linger_ms=2
    )
    async with connect(url) as db, bus.connect(settings) as link:
        async with db.begin() as conn:
            await conn.run_sync(_create)
        yield World(db, link, settings)


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    migrate.create_event_tables(Operations(MigrationContext.configure(connection)))


@pytest.fixture
async def world(database_url: str, broker: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(database_url, broker.url, tmp_path) as parts:
        yield parts


@pytest.fixture
def another_world(broker: NatsServer, tmp_path: Path) -> Callable[[], Any]:
    """A second service on the same broker, with a database of its own."""
    return lambda: opened(f"sqlite:///{tmp_path}/another.db", broker.url, tmp_path)


@pytest.fixture(name="keep")
def keep_fixture() -> Handler:
    return keep


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[None]]:
    return eventually


ECHO = "labelmesh.echo.v1.EchoService"


def _echo_descriptor() -> Any:
    """A service with one method of each kind; it stands in the default pool for reflection."""
    file = descriptor_pb2.FileDescriptorProto(
        name="labelmesh/echo/v1/echo.proto",
        package="labelmesh.echo.v1",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    service = file.service.add(name="EchoService")
    for name, incoming, outgoing in KINDS:
        service.method.add(
            name=name,
            input_type=".google.protobuf.StringValue",
            output_type=".google.protobuf.StringValue",
            client_streaming=incoming,
            server_streaming=outgoing,
        )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())  # type: ignore[no-untyped-call]
    return pool.FindServiceByName(ECHO)


KINDS = [("One", False, False), ("Out", False, True), ("In", True, False), ("Both", True, True)]


@pytest.fixture(scope="session")
def echo_descriptor() -> Any:
    return _echo_descriptor()


@pytest.fixture
def echo(echo_descriptor: Any) -> Callable[[Callable[[str], Awaitable[str]]], Any]:
    """Make a registration whose four methods answer what a function says about the (last) request."""

    def registration(answer: Callable[[str], Awaitable[str]]) -> Any:
        async def one(request: StringValue, context: Any) -> StringValue:
            return StringValue(value=await answer(request.value))

        async def out(request: StringValue, context: Any) -> AsyncIterator[StringValue]:
            yield StringValue(value="first")
            yield StringValue(value=await answer(request.value))

        async def last(requests: AsyncIterator[StringValue], context: Any) -> StringValue:
            value = ""
            async for request in requests:
                value = request.value
            return StringValue(value=await answer(value))

        async def both(requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
            async for request in requests:
                yield StringValue(value=await answer(request.value))

        codec = {
            "request_deserializer": StringValue.FromString,
            "response_serializer": StringValue.SerializeToString,
        }
        handlers = {
            "One": grpc.unary_unary_rpc_method_handler(one, **codec),
            "Out": grpc.unary_stream_rpc_method_handler(out, **codec),
            "In": grpc.stream_unary_rpc_method_handler(last, **codec),
            "Both": grpc.stream_stream_rpc_method_handler(both, **codec),
        }

        def add(_servicer: object, server: grpc.aio.Server) -> None:
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(ECHO, handlers),))

        return add, None, echo_descriptor

    return registration


@pytest.fixture
def ask() -> Callable[..., Awaitable[list[str]]]:
    """Call a method of any kind; returns every answer."""
    codec = {
        "request_serializer": StringValue.SerializeToString,
        "response_deserializer": StringValue.FromString,
    }

    async def ask(channel: grpc.aio.Channel, kind: str, value: str, **options: Any) -> list[str]:
        path = f"/{ECHO}/{kind}"
        request = StringValue(value=value)

        async def requests() -> AsyncIterator[StringValue]:
            yield request

        if kind == "One":
            return [(await channel.unary_unary(path, **codec)(request, **options)).value]
        if kind == "Out":
            return [r.value async for r in channel.unary_stream(path, **codec)(request, **options)]
        if kind == "In":
            return [(await channel.stream_unary(path, **codec)(requests(), **options)).value]
        return [r.value async for r in channel.stream_stream(path, **codec)(requests(), **options)]

    return ask
