"""A change and the rows that go with it: one statement where the database can, several where it is a call away.

PostgreSQL answers over a network, so what a transaction costs there is the number of its statements. A change with
all that is stored along with it is one statement (an UPDATE and INSERTs as common table expressions), all or nothing
by itself. SQLite knows no such expressions and needs none: there a statement is a function call.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
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

from chassis.prepared import Prepared

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
    if conn.dialect.name != "postgresql":
        if not (await conn.execute(update, values)).rowcount:
            return False
        for table, some in stored:
            await conn.execute(insert(table).inline(), list(some))
        return True
    shape = tuple((table, tuple(some[0]), len(some) == 1) for table, some in stored)
    statement, parts = _statement(update, shape)
    given = dict(values)
    for names, (_, some) in zip(parts, stored, strict=True):
        one = some[0] if len(some) == 1 else {name: [row[name] for row in some] for name in some[0]}
        given.update(zip(names, one.values(), strict=True))
    ((changed,),) = await statement.rows(conn, given)
    return bool(changed)


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
