"""Statements that are compiled once say what SQLAlchemy would say, on both databases."""

import asyncio

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from chassis import at_once
from chassis.prepared import Prepared, together

things = Table(
    "things",
    MetaData(),
    Column("uid", Text, primary_key=True),
    Column("told", Boolean, nullable=False),
    Column("body", LargeBinary),
)
t = things.c
OF_UIDS = Prepared(
    select(t.uid, t.told, t.body).where(t.uid.in_(bindparam("uids", expanding=True))).order_by(t.uid)
)
TELL = Prepared(update(things).where(t.uid == bindparam("at")).values(told=bindparam("now")))


def thing(uid: str, *, told: bool = False, body: bytes | None = None) -> dict[str, object]:
    return {"uid": uid, "told": told, "body": body}


@pytest.fixture
async def filled(world):
    async with world.db.begin() as conn:
        await conn.run_sync(things.metadata.create_all)
        await at_once.store(conn, [(things, [thing("a", told=True), thing("b", body=b"\x00'")])])
    return world.db


async def uids(db) -> list[str]:
    async with db.read() as conn:
        return list(await conn.scalars(select(t.uid).order_by(t.uid)))


@pytest.mark.parametrize("wanted", [["a", "b"], ["b"], [], ["a", "b", "c"], ["a"]])
async def test_rows_are_those_of_sqlalchemy_for_lists_of_any_length(filled, wanted) -> None:
    plain = select(t.uid, t.told, t.body).where(t.uid.in_(wanted)).order_by(t.uid)
    for context in (filled.read_one, filled.read, filled.begin, filled.read_one):
        async with context() as conn:
            found = await OF_UIDS.rows(conn, {"uids": wanted})
        async with filled.read() as conn:
            expected = (await conn.execute(plain)).all()
        assert [(row.uid, row.told, row.body) for row in found] == [tuple(row) for row in expected]
        assert all(row.told in (True, False) and isinstance(row.told, bool) for row in found)


async def test_how_many_rows_changed_is_told_step_by_step(filled) -> None:
    async with filled.begin() as conn:
        assert await TELL.run(conn, {"at": "b", "now": True}) == 1
        assert await TELL.run(conn, {"at": "z", "now": True}) == 0
        steps = [
            *at_once.insertions(conn, [(things, [thing("a")])], ignore=True),
            *at_once.insertions(conn, [(things, [thing("c"), thing("d")])]),
            (TELL, {"at": "c", "now": True}),
        ]
        counts = await together(conn, steps)
        assert (counts[0], counts[2]) == (0, 1)
    async with filled.read() as conn:
        assert await conn.scalar(select(func.count()).where(t.told)) == 3


async def test_what_is_new_is_told_and_what_is_there_stays(filled) -> None:
    async with filled.begin() as conn:
        rows = [thing("d"), thing("a", body=b"other"), thing("c")]
        assert await at_once.store_new(conn, things, rows, "uid") == {"c", "d"}
        (kept,) = await OF_UIDS.rows(conn, {"uids": ["a"]})
        assert (kept.told, kept.body) == (True, None)


def _untold(new):
    return ~things.c.told


async def test_an_upsert_replaces_only_where_it_may(filled) -> None:
    async with filled.begin() as conn:
        rows = [thing("a", body=b"1"), thing("b", body=b"1"), thing("c", body=b"1")]
        await at_once.upsert(conn, things, rows, replaced=["body"], where=_untold)
        found = await OF_UIDS.rows(conn, {"uids": ["a", "b", "c"]})
    assert [row.body for row in found] == [None, b"1", b"1"]


async def _store(db, *rows, plain=(), fail=False) -> None:
    async with db.begin() as conn:
        for row in plain:
            await conn.execute(insert(things), row)
        await at_once.store(conn, [(things, [row]) for row in rows])
        if fail:
            raise ZeroDivisionError


async def _read_what_is_not_there(db) -> None:
    async with db.read() as conn:
        await Prepared(select(Table("absent", MetaData(), Column("x", Text)))).rows(conn, {})


async def test_an_error_undoes_the_whole_transaction_and_the_next_one_works(filled) -> None:
    with pytest.raises(IntegrityError):
        await _store(filled, thing("d"), thing("a"), plain=[thing("c")])
    with pytest.raises(ZeroDivisionError):
        await _store(filled, thing("e"), fail=True)
    with pytest.raises((OperationalError, ProgrammingError)):
        await _read_what_is_not_there(filled)
    await _store(filled, thing("f"))
    assert await uids(filled) == ["a", "b", "f"]


async def test_statements_of_both_kinds_are_one_transaction(filled) -> None:
    async with filled.begin() as conn:
        await at_once.store(conn, [(things, [thing("c")])])
        await conn.execute(insert(things), thing("d"))
        assert await uids(filled) == ["a", "b"]
        assert len(await OF_UIDS.rows(conn, {"uids": ["c", "d"]})) == 2
    assert await uids(filled) == ["a", "b", "c", "d"]


async def test_writers_that_are_cancelled_at_any_moment_leave_all_or_nothing(filled) -> None:
    async def write(n: int) -> None:
        async with filled.begin() as conn:
            await at_once.store(conn, [(things, [thing(f"n{n}-1")])])
            await at_once.store(conn, [(things, [thing(f"n{n}-2")])])

    for n in range(60):
        task = asyncio.create_task(write(n))
        for _ in range(n % 12):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0002 * (n % 7))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with filled.begin() as conn:
        await at_once.store(conn, [(things, [thing("z")])])
    kept = [uid for uid in await uids(filled) if uid.startswith("n")]
    assert all(sum(uid.startswith(f"n{n}-") for uid in kept) in (0, 2) for n in range(60))
    assert "z" in await uids(filled)
