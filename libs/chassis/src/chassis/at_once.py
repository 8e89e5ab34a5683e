"""A change and the rows that go with it: one statement where the database can, several where it is a call away.

PostgreSQL answers over a network, so what a transaction costs there is the number of its statements. A change with
all that is stored along with it is one statement (an UPDATE and INSERTs as common table expressions), all or nothing
by itself. SQLite knows no such expressions and needs none: there several statements are one trip to a thread.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    Text,
    Update,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from chassis.db import Dialect, dialect_insert, dialect_of, insert_ignore
from chassis.prepared import Prepared, Step, Values, together

Rows = tuple[Table, Sequence[Mapping[str, Any]]]
"""A table and rows for it, each with the same columns."""
_Shape = tuple[Table, tuple[str, ...], bool]
"""A table, the columns that rows for it have, and whether it is one row: then its values need no arrays."""
_SHAPES = 256


async def change(
    conn: AsyncConnection, update: Update, values: Mapping[str, Any], rows: Sequence[Rows]
) -> bool:
    """Execute the update and, when it found its row, store the rows with it; whether it did.

    `update` has named parameters and is built once by the caller, since what is prepared is kept by its identity.
    No row of `rows` may rest on another that is stored by the same call through a trigger or a foreign key.
    """
    stored = [(table, some) for table, some in rows if some]
    if dialect_of(conn) != "postgresql":
        changed = await _change(update).run(conn, values)
        if changed:
            await store(conn, stored)
        return bool(changed)
    shape = tuple((table, tuple(some[0]), len(some) == 1) for table, some in stored)
    statement, parts = _statement(update, shape)
    given = dict(values)
    for names, (_, some) in zip(parts, stored, strict=True):
        one = some[0] if len(some) == 1 else {name: [row[name] for row in some] for name in some[0]}
        given.update(zip(names, one.values(), strict=True))
    ((changed,),) = await statement.rows(conn, given)
    return bool(changed)


async def store(conn: AsyncConnection, rows: Sequence[Rows], *, ignore: bool = False) -> None:
    """Store rows in a transaction, in this order; `ignore` skips those whose key exists.

    Columns that the database numbers are left out.
    """
    await together(conn, insertions(conn, rows, ignore=ignore))


async def store_new(
    conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]], key: str
) -> set[Any]:
    """Store those of the rows whose primary key is not there, in a transaction; their values in the column `key`."""
    if dialect_of(conn) == "postgresql":
        # One trip for all of them.
        insert_new = insert_ignore(conn, table).returning(table.c[key])
        return set((await conn.execute(insert_new, list(rows))).scalars())
    counts = await together(conn, insertions(conn, ((table, [row]) for row in rows), ignore=True))
    return {row[key] for row, count in zip(rows, counts, strict=True) if count}


def insertions(conn: AsyncConnection, rows: Iterable[Rows], *, ignore: bool = False) -> list[Step]:
    """The steps of `together` that insert rows; `ignore` skips those whose key exists."""
    dialect = dialect_of(conn)
    return [
        (_insert(dialect, table, tuple(some[0]), ignore), _one_or_all(some)) for table, some in rows if some
    ]


async def upsert(
    conn: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    added: Iterable[str] = (),
    replaced: Iterable[str] = (),
    where: Callable[[Any], ColumnElement[bool]] | None = None,
) -> None:
    """Insert rows; where the primary key exists, add to some columns and replace others, if `where` holds.

    `where` is handed the columns of the new row; it is a function of a module, since what is prepared is kept by it. No
    two of the rows may have one key.
    """
    if rows:
        prepared = _upsert(dialect_of(conn), table, tuple(rows[0]), tuple(added), tuple(replaced), where)
        await prepared.run(conn, _one_or_all(rows))


def _one_or_all(rows: Sequence[Mapping[str, Any]]) -> Values | Sequence[Values]:
    return rows[0] if len(rows) == 1 else rows


@lru_cache(maxsize=_SHAPES)
def _change(update: Update) -> Prepared:
    return Prepared(update)


@lru_cache(maxsize=_SHAPES)
def _insert(dialect: Dialect, table: Table, names: tuple[str, ...], ignore: bool) -> Prepared:
    plain = dialect_insert(dialect, table)
    # To ask for a row's number first would be one more trip.
    return Prepared(_valued(plain.on_conflict_do_nothing() if ignore else plain, names).inline())


@lru_cache(maxsize=_SHAPES)
def _upsert(
    dialect: Dialect,
    table: Table,
    names: tuple[str, ...],
    added: tuple[str, ...],
    replaced: tuple[str, ...],
    where: Callable[[Any], ColumnElement[bool]] | None,
) -> Prepared:
    insert = dialect_insert(dialect, table)
    new = insert.excluded
    changes = {name: table.c[name] + new[name] for name in added} | {name: new[name] for name in replaced}
    keys = [column.name for column in table.primary_key]
    only = where(new) if where else None
    changing = insert.on_conflict_do_update(index_elements=keys, set_=changes, where=only)
    return Prepared(_valued(changing, names))


def _valued(statement: Any, names: tuple[str, ...]) -> Any:
    return statement.values({name: bindparam(name) for name in names})


@lru_cache(maxsize=_SHAPES)
def _statement(update: Update, shape: tuple[_Shape, ...]) -> tuple[Prepared, list[list[str]]]:
    """The statement, and the names of its parameters by table."""
    changed = update.returning(literal_column("1").label("one")).cte("changed")
    found: Select[int] = select(func.count()).select_from(changed)
    parts = []
    for i, (table, names, one) in enumerate(shape):
        types = {f"{table.name}_{i}_{name}": _unbounded(table.c[name].type) for name in names}
        if one:
            chosen = select(*(bindparam(part, type_=of) for part, of in types.items())).select_from(changed)
        else:
            arrays = (bindparam(part, type_=ARRAY(of)) for part, of in types.items())
            rows = func.unnest(*arrays).table_valued(*names, name=f"rows_{i}").render_derived()
            # The update's row, if any, times the rows.
            joined = changed.join(rows, literal_column("true"))
            chosen = select(*(rows.c[name] for name in names)).select_from(joined)
        found = found.add_cte(insert(table).from_select(list(names), chosen).cte(f"stored_{i}"))
        parts.append(list(types))
    return Prepared(found), parts


def _unbounded(of: TypeEngine[Any]) -> TypeEngine[Any]:
    """A cast to a text of bounded length would cut what is longer, and the column would never refuse it."""
    return Text() if isinstance(of, String) else of
