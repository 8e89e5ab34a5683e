"""SQL room: whether everything is still as it was entered.

Each seal's entries are read, hashed anew from the rows they stand for, and the seal is computed from them. What is
entered and not sealed yet is held against its rows too; at last rows that nobody entered are looked for. All of it in
pages, so that memory does not grow with the project.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import Table, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Database
from review_queue import tables
from review_queue.errors import SealUnknown
from review_queue.lineage.digest import FIRST, Kind, entry, seal
from review_queue.lineage.notary import MAX_ENTRIES
from review_queue.lineage.tables import chain, seals

SOURCES: Mapping[Kind, Table] = {
    Kind.ASSET: tables.assets,
    Kind.LABEL: tables.labels,
    Kind.REVIEW: tables.reviews,
}
_AT_ONCE = 500
_c, _s = chain.c, seals.c

Entry = tuple[int, str, bytes]


class Problem(StrEnum):
    """What is wrong with a row, an entry or a seal."""

    ALTERED = "ALTERED"
    """The row is not what was entered."""
    MISSING = "MISSING"
    """There is an entry and no row."""
    NOT_ENTERED = "NOT_ENTERED"
    """There is a row and no entry."""
    SEAL_BROKEN = "SEAL_BROKEN"
    """The seal's digest does not follow from its entries and the seal before it."""
    SEAL_MISSING = "SEAL_MISSING"
    """A seal of this number is not there though entries or later seals are."""
    SEAL_DIFFERS = "SEAL_DIFFERS"
    """The seal is not the one that was kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong; `kind` and `uid` name the row, both empty where it is the seal itself."""

    problem: Problem
    kind: Kind | None = None
    uid: str = ""
    seal: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What was verified since the last one; `seal` is 0 for what is not sealed, `digest` that of the seal."""

    seal: int
    entries: int
    troubles: tuple[Trouble, ...]
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Kept:
    """A seal as somebody kept it outside of the system."""

    number: int
    digest: bytes


async def verify(
    db: Database, project_uid: str, after_seal: int = 0, kept: Kept | None = None
) -> AsyncIterator[Progress]:
    """Verify the seals after that number, then what is not sealed, then rows without an entry.

    Raises SealUnknown when there is no seal of the number to go on from.
    """
    async with db.read() as conn:
        previous = await _digest(conn, project_uid, after_seal) if after_seal else FIRST
        last = await _last(conn, project_uid)
    if previous is None:
        raise SealUnknown
    if kept is not None:
        async with db.read() as conn:
            if await _digest(conn, project_uid, kept.number) != kept.digest:
                yield Progress(0, 0, (Trouble(Problem.SEAL_DIFFERS, seal=kept.number),))
    for number in range(after_seal + 1, last + 1):
        async with db.read() as conn:
            found = await _sealed(conn, project_uid, number, previous)
        previous = found.digest or previous
        yield found
    async for found in _unsealed(db, project_uid, last):
        yield found
    async for found in _not_entered(db, project_uid):
        yield found


async def _last(conn: AsyncConnection, project_uid: str) -> int:
    """The highest number that a seal or an entry names."""
    highest = 0
    for column, mine in ((_s.number, _s.project_uid), (_c.seal, _c.project_uid)):
        query = select(column).where(mine == project_uid).order_by(column.desc()).limit(1)
        highest = max(highest, (await conn.execute(query)).scalar_one_or_none() or 0)
    return highest


async def _digest(conn: AsyncConnection, project_uid: str, number: int) -> bytes | None:
    query = select(_s.digest).where(_s.project_uid == project_uid, _s.number == number)
    found = (await conn.execute(query)).scalar_one_or_none()
    return None if found is None else bytes(found)


async def _sealed(conn: AsyncConnection, project_uid: str, number: int, previous: bytes) -> Progress:
    entries = await _entries(conn, project_uid, number)
    troubles = [t async for t in _compared(conn, project_uid, entries, number)]
    query = select(_s.digest, _s.entries).where(_s.project_uid == project_uid, _s.number == number)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        troubles.append(Trouble(Problem.SEAL_MISSING, seal=number))
        return Progress(number, len(entries), tuple(troubles))
    if (seal(previous, number, entries), len(entries)) != (bytes(row.digest), row.entries):
        troubles.append(Trouble(Problem.SEAL_BROKEN, seal=number))
    return Progress(number, len(entries), tuple(troubles), bytes(row.digest))


async def _entries(
    conn: AsyncConnection, project_uid: str, number: int, after: tuple[int, str] = (0, "")
) -> list[Entry]:
    """Entries of a seal, or one page of those that are in none."""
    query = select(_c.kind, _c.uid, _c.hash).where(_c.project_uid == project_uid, _c.seal == number)
    kind, uid = after
    query = query.where((_c.kind > kind) | ((_c.kind == kind) & (_c.uid > uid))).order_by(_c.kind, _c.uid)
    if number == 0:
        query = query.limit(MAX_ENTRIES)
    return [(kind, uid, bytes(digest)) for kind, uid, digest in await conn.execute(query)]


async def _compared(
    conn: AsyncConnection, project_uid: str, entries: Sequence[Entry], number: int
) -> AsyncIterator[Trouble]:
    """What is wrong with the rows that entries stand for."""
    for number_of_kind, group in groupby(entries, key=lambda e: e[0]):
        try:
            kind = Kind(number_of_kind)
        except ValueError:
            yield Trouble(Problem.SEAL_BROKEN, seal=number)
            continue
        members = list(group)
        for start in range(0, len(members), _AT_ONCE):
            some = {uid: digest for _, uid, digest in members[start : start + _AT_ONCE]}
            rows = await _rows(conn, kind, project_uid, some)
            for uid, digest in some.items():
                if uid not in rows:
                    yield Trouble(Problem.MISSING, kind, uid, number)
                elif entry(kind, rows[uid]) != digest:
                    yield Trouble(Problem.ALTERED, kind, uid, number)


async def _rows(
    conn: AsyncConnection, kind: Kind, project_uid: str, uids: Iterable[str]
) -> dict[str, Mapping[str, Any]]:
    source = SOURCES[kind].c
    query = select(*source).where(source.uid.in_(sorted(uids)), source.project_uid == project_uid)
    return {row.uid: row._asdict() for row in await conn.execute(query)}


async def _unsealed(db: Database, project_uid: str, last: int) -> AsyncIterator[Progress]:
    """What waits for its seal; what is sealed meanwhile was entered after we began, or is seen next time."""
    after = (0, "")
    while True:
        async with db.read() as conn:
            entries = await _entries(conn, project_uid, 0, after)
            troubles = [t async for t in _compared(conn, project_uid, entries, 0)]
        if not entries:
            return
        yield Progress(0, len(entries), tuple(troubles))
        after = entries[-1][:2]


async def _not_entered(db: Database, project_uid: str) -> AsyncIterator[Progress]:
    for kind, table in SOURCES.items():
        after = ""
        while True:
            entered = exists().where(_c.kind == literal(int(kind)), _c.uid == table.c.uid)
            query = select(table.c.uid).where(
                table.c.project_uid == project_uid, table.c.uid > after, ~entered
            )
            async with db.read() as conn:
                uids = list((await conn.execute(query.order_by(table.c.uid).limit(_AT_ONCE))).scalars())
            if uids:
                yield Progress(0, 0, tuple(Trouble(Problem.NOT_ENTERED, kind, uid) for uid in uids))
            if len(uids) < _AT_ONCE:
                break
            after = uids[-1]
