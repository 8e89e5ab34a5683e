"""SQL room: sketches of texts, and what people have answered of them.

Nobody who answers waits for this: answers are taken in by the loop that adds reviews to the running sums, each once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from review_queue import tables
from review_queue.project import Project
from review_queue.ranking.novelty import Seen
from review_queue.ranking.tables import novelty_seen, novelty_sketches
from review_queue.review import Decision

_r, _k, _n = tables.reviews.c, novelty_sketches.c, novelty_seen.c


async def keep(conn: AsyncConnection, project: Project, sketches: Mapping[str, bytes]) -> dict[str, float]:
    """Keep the sketches of new texts, by asset uid, and say how novel each is, 0 to 1; none for one without words."""
    if not sketches:
        return {}
    rows = [
        {"asset_uid": uid, "project_uid": project.uid, "sketch": sketched}
        for uid, sketched in sketches.items()
    ]
    await conn.execute(insert(novelty_sketches), rows)
    return await _novelties(conn, project, sketches)


async def novelties(conn: AsyncConnection, project: Project, uids: Iterable[str]) -> dict[str, float]:
    """How novel the texts of those assets are now, 0 to 1; none where that is not known."""
    if not project.definition.weights.novelty:
        return {}
    query = select(_k.asset_uid, _k.sketch).where(_k.asset_uid.in_(sorted(uids)))
    return await _novelties(
        conn, project, {uid: bytes(sketched) for uid, sketched in await conn.execute(query)}
    )


async def _novelties(
    conn: AsyncConnection, project: Project, sketches: Mapping[str, bytes]
) -> dict[str, float]:
    seen = await _seen(conn, project.uid) if sketches else Seen()
    found = {uid: seen.novelty(sketched) for uid, sketched in sketches.items()}
    return {uid: novelty for uid, novelty in found.items() if novelty is not None}


async def _seen(conn: AsyncConnection, project_uid: str, *, lock: bool = False) -> Seen:
    query = select(novelty_seen).where(_n.project_uid == project_uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    return Seen() if row is None else Seen(bytes(row.recent), bytes(row.older))


async def learn(conn: AsyncConnection, fresh: Sequence[str]) -> None:
    """Take in what people answered by reviews, given by uid, each of which comes once."""
    query = (
        select(_r.project_uid, _k.sketch)
        .join(novelty_sketches, _k.asset_uid == _r.asset_uid)
        .where(_r.uid.in_(fresh), _r.decision != Decision.SEND_BACK.value)
    )
    answered: dict[str, list[bytes]] = defaultdict(list)
    for project_uid, sketched in await conn.execute(query):
        answered[project_uid].append(bytes(sketched))
    # In one order for everyone, or two batches could wait for each other.
    for project_uid in sorted(answered):
        empty = {"project_uid": project_uid, "recent": b"", "older": b""}
        await conn.execute(insert_ignore(conn, novelty_seen), [empty])
        before = await _seen(conn, project_uid, lock=True)
        after = before.plus(answered[project_uid])
        values = {"recent": after.recent} | ({} if after.older == before.older else {"older": after.older})
        await conn.execute(update(novelty_seen).where(_n.project_uid == project_uid).values(values))
