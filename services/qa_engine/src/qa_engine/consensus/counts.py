"""SQL of how often each annotator said what of what is true."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from qa_engine.consensus.arriving import Added, Known
from qa_engine.consensus.tables import consensus_counts

_C = consensus_counts.c


async def known(
    conn: AsyncConnection, project_uid: str, tools: Collection[str], annotators: Collection[str]
) -> dict[str, Known]:
    """By tool, what is known of these annotators and of all together."""
    mine = (_C.project_uid == project_uid) & _C.tool.in_(tools)
    own: dict[str, dict[str, dict[tuple[str, str], float]]] = defaultdict(lambda: defaultdict(dict))
    for row in await conn.execute(select(consensus_counts).where(mine & _C.annotator.in_(annotators))):
        own[row.tool][row.annotator][row.truth, row.said] = row.amount
    total = func.sum(_C.amount).label("total")
    crowd: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    grouped = select(_C.tool, _C.truth, _C.said, total).where(mine).group_by(_C.tool, _C.truth, _C.said)
    for row in await conn.execute(grouped):
        crowd[row.tool][row.truth, row.said] = row.total
    return {tool: Known(own[tool], crowd[tool]) for tool in tools}


async def move(
    conn: AsyncConnection, project_uid: str, before: Mapping[str, Added], after: Mapping[str, Added]
) -> None:
    """Take away what an asset added before and add what it adds now."""
    changes: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for sign, by_tool in ((-1, before), (1, after)):
        for tool, some in by_tool.items():
            for annotator, said, truths in some:
                for truth, amount in truths.items():
                    changes[tool, annotator, truth, said] += sign * amount
    # In one order everywhere, so that two transactions do not wait for each other.
    rows = [
        {"project_uid": project_uid, "tool": t, "annotator": a, "truth": truth, "said": s, "amount": amount}
        for (t, a, truth, s), amount in sorted(changes.items())
        if amount
    ]
    await upsert(conn, consensus_counts, rows, added=["amount"])
