"""A small service made of the chassis alone: one table of facts, filled by events."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, select

from chassis import bus, migrate
from chassis.db import Database, connect
from chassis.settings import ServiceSettings
from chassis.testing import NatsServer

metadata = MetaData()
facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
)


@dataclass
class World:
    """A database with the tables of the chassis and one of its own, and a link to the broker."""

    db: Database
    bus: bus.Bus
    settings: ServiceSettings

    async def names(self) -> list[str]:
        """What is in the table, in the order of its coming."""
        async with self.db.read() as conn:
            return list(await conn.scalars(select(facts.c.name).order_by(facts.c.id)))

    async def count(self) -> int:
        async with self.db.read() as conn:
            return await conn.scalar(select(func.count()).select_from(facts)) or 0


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until it is so; the limit only ends a test that hangs."""
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(url: str, broker: NatsServer, folder: Path) -> AsyncIterator[World]:
    """The world on that database and broker."""
    settings = ServiceSettings(
        service="tester", nats_url=broker.url, database_url=url, blob_url=f"file:{folder}/blobs", linger_ms=2
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
    async with opened(database_url, broker, tmp_path) as parts:
        yield parts


@pytest.fixture(name="facts")
def facts_table() -> Table:
    return facts


@pytest.fixture(name="eventually")
def eventually_() -> Callable[..., Awaitable[None]]:
    return eventually
