"""Which events had their effect already."""

import json
from collections.abc import Iterable

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from chassis.prepared import Prepared

_SQLITE = Prepared(
    text(
        "INSERT INTO inbox (stream, msg_id, seen_time_us) SELECT :stream, value, :now FROM json_each(:ids) WHERE true "
        "ON CONFLICT DO NOTHING RETURNING msg_id"
    ).columns(msg_id=Text)
)
_POSTGRESQL = text(
    "INSERT INTO inbox (stream, msg_id, seen_time_us) SELECT :stream, unnest(:ids), :now "
    "ON CONFLICT DO NOTHING RETURNING msg_id"
).bindparams(bindparam("ids", type_=ARRAY(Text)))
_PRUNE = text(
    "DELETE FROM inbox WHERE (stream, msg_id) IN "
    "(SELECT stream, msg_id FROM inbox WHERE seen_time_us < :before ORDER BY seen_time_us LIMIT :rows)"
)
_PRUNED_AT_ONCE = 5_000


async def claim(conn: AsyncConnection, stream: str, msg_ids: Iterable[str]) -> set[str]:
    """Mark the events as handled, to be committed with their effects; returns those that were new.

    A replica that holds the same event meanwhile waits here for the commit of the first one and then
    finds the event taken. Ids go in sorted, so that two replicas cannot deadlock.
    """
    ids = sorted(set(msg_ids))
    values = {"stream": stream, "now": now_us()}
    if conn.dialect.name == "sqlite":
        return {row.msg_id for row in await _SQLITE.rows(conn, {**values, "ids": json.dumps(ids)})}
    return set((await conn.execute(_POSTGRESQL, {**values, "ids": ids})).scalars())


async def prune(db: Database, before_us: int) -> int:
    """Forget events handled before that time, in short transactions; returns how many."""
    total = 0
    while True:
        async with db.begin() as conn:
            gone = (await conn.execute(_PRUNE, {"before": before_us, "rows": _PRUNED_AT_ONCE})).rowcount
        total += gone
        if gone < _PRUNED_AT_ONCE:
            return total
