"""SQL of what the answers to assets came to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from qa_engine.consensus.arriving import Added
from qa_engine.consensus.resolution import Dispute
from qa_engine.consensus.tables import consensus_results

_C = consensus_results.c


@dataclass(frozen=True, slots=True)
class Result:
    """What an asset's answers came to.

    `answers_key` names the answers, `label` is None without agreement, `uid` grows with time.
    """

    asset_uid: str
    method: str
    label: label_pb2.Label | None
    agreement: float
    confidence: float
    by_tool: Mapping[str, float]
    disputes: Sequence[Dispute]
    added: Mapping[str, Added]
    answers_key: str
    answers: int
    create_time_us: int
    uid: str = ""


async def of_asset(conn: AsyncConnection, project_uid: str, asset_uid: str) -> Result | None:
    """What is stored of the asset, held until the end of the transaction."""
    mine = (_C.project_uid == project_uid) & (_C.asset_uid == asset_uid)
    row = (await conn.execute(select(consensus_results).where(mine).with_for_update())).one_or_none()
    return None if row is None else _result(row)


async def put(conn: AsyncConnection, project_uid: str, result: Result) -> None:
    """Store a result in place of the asset's last."""
    mine = (_C.project_uid == project_uid) & (_C.asset_uid == result.asset_uid)
    await conn.execute(delete(consensus_results).where(mine))
    row = {
        "uid": new_uid(),
        "project_uid": project_uid,
        "asset_uid": result.asset_uid,
        "method": result.method,
        "agreed": result.label is not None,
        "label": b"" if result.label is None else result.label.SerializeToString(),
        "agreement": result.agreement,
        "confidence": result.confidence,
        "by_tool": json.dumps(dict(result.by_tool)),
        "disputes": json.dumps([asdict(dispute) for dispute in result.disputes]),
        "posteriors": json.dumps(dict(result.added)),
        "answers_key": result.answers_key,
        "answers": result.answers,
        "create_time_us": result.create_time_us,
    }
    await conn.execute(consensus_results.insert().values(row))


async def page(
    conn: AsyncConnection, project_uid: str, before: str, size: int, *, disputed: bool
) -> list[Result]:
    """At most `size` results of the project below the uid `before`, newest first; empty begins with the newest."""
    query = select(consensus_results).where(_C.project_uid == project_uid)
    if disputed:
        query = query.where(~_C.agreed)
    if before:
        query = query.where(_C.uid < before)
    rows = await conn.execute(query.order_by(_C.uid.desc()).limit(size))
    return [_result(row) for row in rows]


def _result(row: Row[Any]) -> Result:
    added = json.loads(row.posteriors)
    return Result(
        asset_uid=row.asset_uid,
        method=row.method,
        label=label_pb2.Label.FromString(row.label) if row.agreed else None,
        agreement=row.agreement,
        confidence=row.confidence,
        by_tool=json.loads(row.by_tool),
        disputes=[Dispute(**dispute) for dispute in json.loads(row.disputes)],
        added={tool: [(who, said, truths) for who, said, truths in some] for tool, some in added.items()},
        answers_key=row.answers_key,
        answers=row.answers,
        create_time_us=row.create_time_us,
        uid=row.uid,
    )
