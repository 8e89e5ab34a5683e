"""SQL room: entering what is stored into the chain."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from review_queue.lineage.digest import Kind, entry
from review_queue.lineage.tables import chain

_INSERT = insert(chain)


async def enter(conn: AsyncConnection, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> None:
    """Enter rows just as they are stored, in the transaction that stores them."""
    if rows:
        await conn.execute(_INSERT, entries(kind, rows))


def entries(kind: Kind, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `chain` for rows of what the kind stands for."""
    return [_entry(kind, row) for row in rows]


def _entry(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": int(kind),
        "uid": row["uid"],
        "project_uid": row["project_uid"],
        "hash": entry(kind, row),
        "seal": 0,
    }
