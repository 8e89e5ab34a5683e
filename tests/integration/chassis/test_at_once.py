"""A change and the rows that go with it: all of them or none, on both databases."""

import asyncio
import gc

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from chassis import at_once
from chassis.db import connect
from chassis.errors import StorageUnavailable
from chassis.event_tables import inbox, outbox
from chassis.prepared import Prepared
from tests.integration.chassis.conftest import facts

RENAME = (
    update(facts)
    .where(facts.c.id == bindparam("at"), facts.c.name == bindparam("seen"))
    .values(name=bindparam("new"))
)


def _seen(*ids: str) -> list[dict[str, object]]:
    return [{"stream": "s", "msg_id": name, "seen_time_us": n} for n, name in enumerate(ids)]


def _event(msg_id: str) -> dict[str, object]:
    return {
        "msg_id": msg_id,
        "subject": "a.b",
        "body": b"\x00\xff'",
        "traceparent": "",
        "create_time_us": 1 << 60,
    }


async def _rename(world, at: int, seen: str, new: str, *rows: at_once.Rows) -> bool:
    async with world.db.write_one() as conn:
        return await at_once.change(conn, RENAME, {"at": at, "seen": seen, "new": new}, rows)


async def _stored(world) -> tuple[list[str], list[str], list[bytes]]:
    async with world.db.read_one() as conn:
        ids = list(await conn.scalars(select(inbox.c.msg_id).order_by(inbox.c.msg_id)))
    async with world.db.read_one() as conn:
        bodies = list(await conn.scalars(select(outbox.c.body).order_by(outbox.c.id)))
    return await world.names(), ids, bodies


@pytest.fixture
async def fact(world):
    async with world.db.begin() as conn:
        await conn.execute(insert(facts), {"id": 7, "name": "old"})
    return world


async def test_rows_are_stored_with_the_change_they_go_with(fact) -> None:
    rows = ((inbox, _seen("a", "b")), (outbox, [_event("1")]))
    assert await _rename(fact, 7, "old", "new", *rows, (facts, []))
    assert await _stored(fact) == (["new"], ["a", "b"], [b"\x00\xff'"])


@pytest.mark.parametrize(("at", "seen"), [(8, "old"), (7, "other")])
async def test_nothing_is_stored_when_what_was_seen_has_changed(fact, at: int, seen: str) -> None:
    assert not await _rename(fact, at, seen, "new", (inbox, _seen("a")))
    assert await _stored(fact) == (["old"], [], [])


async def test_a_row_that_is_there_already_undoes_all_of_it(fact) -> None:
    assert await _rename(fact, 7, "old", "old", (inbox, _seen("a")))
    with pytest.raises(IntegrityError):
        await _rename(fact, 7, "old", "new", (outbox, [_event("1")]), (inbox, _seen("b", "a")))
    assert await _stored(fact) == (["old"], ["a"], [])


async def test_a_text_that_a_column_cannot_hold_is_refused_and_not_cut(fact) -> None:
    long = "a" * 129
    if fact.db.dialect == "sqlite":  # its columns hold any length
        assert await _rename(fact, 7, "old", "new", (inbox, _seen(long)))
        assert await _stored(fact) == (["new"], [long], [])
        return
    with pytest.raises(DBAPIError):
        await _rename(fact, 7, "old", "new", (inbox, _seen(long)))
    assert await _stored(fact) == (["old"], [], [])


async def _rename_and_fail(world) -> None:
    async with world.db.write_one() as conn:
        await conn.execute(update(facts).values(name="new"))
        raise ZeroDivisionError


async def test_a_connection_that_failed_is_not_used_again(fact) -> None:
    for _ in range(30):
        with pytest.raises(ZeroDivisionError):
            await _rename_and_fail(fact)
    await asyncio.gather(*(_rename(fact, 7, "new", "new", (inbox, _seen(str(n)))) for n in range(40)))
    _, ids, _ = await _stored(fact)
    assert sorted(ids) == sorted(map(str, range(40))) if fact.db.dialect == "postgresql" else not ids


async def test_after_the_server_ended_connections_one_call_fails_and_then_all_are_new(fact) -> None:
    if fact.db.dialect == "sqlite":
        pytest.skip("a file has no server that ends connections")
    names = Prepared(select(facts.c.name))

    async def read() -> list[str]:
        async with fact.db.read_one() as conn:
            return [row.name for row in await names.rows(conn, {})]

    await asyncio.gather(*(read() for _ in range(20)))
    async with fact.db.begin() as conn:
        await conn.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    with pytest.raises(StorageUnavailable):
        await read()
    assert await asyncio.gather(*(read() for _ in range(20))) == [["old"]] * 20


@pytest.mark.parametrize("way", ["read_one", "read", "begin"])
async def test_connections_in_use_are_closed_once_they_are_free(database_url: str, way: str) -> None:
    async def stuck(begun: asyncio.Event) -> None:
        async with getattr(opened, way)() as conn:
            await conn.scalar(select(1))
            begun.set()
            await asyncio.sleep(3600)

    begun = [asyncio.Event() for _ in range(1 if way == "begin" else 3)]
    async with connect(database_url) as opened:
        tasks = [asyncio.create_task(stuck(each)) for each in begun]
        await asyncio.gather(*(each.wait() for each in begun))
        for task in tasks:
            # As a server does that stops: what it has cancelled may end after the database is closed.
            asyncio.get_running_loop().call_later(0.2, task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    # Whatever was left open would warn now, and a warning is an error.
    gc.collect()
