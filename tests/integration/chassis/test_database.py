"""Transactions, readers, migrations."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from chassis import inbox, migrate, outbox
from chassis.clock import now_us
from chassis.db import connect, insert_ignore
from chassis.errors import SettingsRefused, StorageUnavailable
from chassis.event_tables import inbox as inbox_table
from chassis.testing import unused_port

FIRST = """
from alembic import op
import sqlalchemy as sa
from chassis.migrate import create_event_tables
revision, down_revision = "0001", None
def upgrade():
    create_event_tables(op)
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "0002", "0001"
def upgrade():
    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))
"""
BROKEN = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "0003", "0002"
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    raise ZeroDivisionError
"""


async def test_writers_queue_and_readers_do_not_wait(world) -> None:
    async def one(number: int) -> None:
        async with world.db.begin() as conn:
            count = len(list(await conn.scalars(select(world.facts.c.name))))
            await asyncio.sleep(0)
            await conn.execute(insert(world.facts), {"name": f"{count}-{number}"})

    await asyncio.gather(*(one(number) for number in range(30)))
    names = await world.names()
    assert len(names) == 30
    if world.db.dialect == "sqlite":
        assert [name.partition("-")[0] for name in names] == [str(i) for i in range(30)]
    async with world.db.begin() as conn:
        await conn.execute(insert(world.facts), {"name": "unseen"})
        assert len(await asyncio.wait_for(world.names(), 20)) == 30


async def test_a_reader_keeps_its_snapshot_and_cannot_write(world) -> None:
    async with world.db.read() as conn:
        before = list(await conn.scalars(select(world.facts.c.name)))
        await world.emit(["x"])
        async with world.db.begin() as writer:
            await writer.execute(insert(world.facts), {"name": "new"})
        assert list(await conn.scalars(select(world.facts.c.name))) == before
    with pytest.raises((DBAPIError, StorageUnavailable)):
        async with world.db.read() as conn:
            await conn.execute(insert(world.facts), {"name": "forbidden"})
    assert await world.names() == ["new"]


async def test_errors_of_the_sql_and_of_others_pass_as_they_are(world) -> None:
    with pytest.raises(IntegrityError) as raised:
        async with world.db.begin() as conn:
            await conn.execute(
                insert(world.facts), [{"id": 1, "name": "secret"}, {"id": 1, "name": "secret"}]
            )
    assert "secret" not in str(raised.value).replace("DETAIL", "")
    with pytest.raises(FileNotFoundError):
        async with world.db.begin():
            raise FileNotFoundError
    async with world.db.begin() as conn:
        row = {"stream": "S", "msg_id": "m", "seen_time_us": 1}
        await conn.execute(insert_ignore(conn, inbox_table), row)
        await conn.execute(insert_ignore(conn, inbox_table), row)


async def test_a_cancelled_writer_leaves_the_door_open(world) -> None:
    async def stuck() -> None:
        async with world.db.begin() as conn:
            await conn.execute(insert(world.facts), {"name": "gone"})
            await asyncio.sleep(3600)

    task = asyncio.create_task(stuck())
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with world.db.begin() as conn:
        await conn.execute(insert(world.facts), {"name": "stays"})
    assert await world.names() == ["stays"]


async def test_the_inbox_forgets_what_is_old(world) -> None:
    async with world.db.begin() as conn:
        assert await inbox.claim(conn, "S", ["a", "b", "b"]) == {"a", "b"}
        assert await inbox.claim(conn, "S", ["b", "c"]) == {"c"}
        assert await inbox.claim(conn, "T", ["a"]) == {"a"}
    assert await inbox.prune(world.db, now_us() - 60_000_000) == 0
    assert await inbox.prune(world.db, now_us() + 60_000_000) == 4


async def test_two_replicas_cannot_both_claim(world) -> None:
    won: list[set[str]] = []

    async def claim() -> None:
        async with world.db.begin() as conn:
            won.append(await inbox.claim(conn, "S", ["a", "b"]))
            await asyncio.sleep(0.05)

    await asyncio.gather(claim(), claim(), claim())
    assert sorted(map(len, won)) == [0, 0, 2]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_replicas_relay_in_turns(world) -> None:
    names = [f"n{i}" for i in range(600)]
    relays = [outbox.Relay(world.db, world.bus) for _ in range(3)]
    async with world.consumer(), relays[0], relays[1], relays[2]:
        for start in range(0, 600, 30):
            await world.emit(names[start : start + 30])
        await world.reached(600)
    assert await world.names() == names
    info = await world.bus.js.stream_info("LABELMESH_REVIEW")
    assert info.state.messages == 600


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with one migration; more can be put beside it."""
    versions = tmp_path / "packages" / "migrated" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parents[1] / "__init__.py").touch()
    (versions / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    yield versions
    sys.modules.pop("migrated", None)
    shutil.rmtree(tmp_path / "packages")


async def test_migrations_run_once_among_replicas(database_url: str, package: Path) -> None:
    async def replica() -> None:
        async with connect(database_url) as db:
            await migrate.upgrade(db, "migrated")

    await asyncio.gather(*(replica() for _ in range(4)))
    (package / "0002_second.py").write_text(SECOND)
    await asyncio.gather(*(replica() for _ in range(4)))
    async with connect(database_url) as db, db.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM things, more, outbox, inbox"))).scalar() == 0


async def test_a_failed_migration_changes_nothing_and_a_newer_schema_is_kept(
    database_url: str, package: Path
) -> None:
    (package / "0002_second.py").write_text(SECOND)
    (package / "0003_broken.py").write_text(BROKEN)
    async with connect(database_url) as db:
        with pytest.raises(ZeroDivisionError):
            await migrate.upgrade(db, "migrated")
        with pytest.raises(DBAPIError):
            async with db.read() as conn:
                await conn.execute(text("SELECT * FROM things"))
        (package / "0003_broken.py").unlink()
        await migrate.upgrade(db, "migrated")
        (package / "0002_second.py").unlink()
        await migrate.upgrade(db, "migrated")
        async with db.read() as conn:
            assert await conn.scalar(text("SELECT version_num FROM alembic_version")) == "0002"


async def test_a_database_that_is_away_is_said_to_be() -> None:
    async with connect(f"postgresql://nobody@127.0.0.1:{unused_port()}/x") as db:
        for transaction in (db.begin, db.read):
            with pytest.raises(StorageUnavailable):
                async with transaction() as conn:
                    await conn.execute(text("SELECT 1"))


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
async def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(SettingsRefused):
        async with connect(url):
            pass
