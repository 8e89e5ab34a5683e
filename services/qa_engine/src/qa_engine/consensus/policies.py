"""SQL of the projects' policies of consensus."""

from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from qa_engine.consensus.methods import Method
from qa_engine.consensus.policy import Policy, check
from qa_engine.consensus.tables import consensus_policies


async def of(conn: AsyncConnection, project_uid: str) -> Policy:
    """What holds in the project."""
    query = select(consensus_policies).where(consensus_policies.c.project_uid == project_uid)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return Policy()
    numbers = (row.quorum, row.iou, row.min_agreement, row.min_confidence)
    return Policy(Method(row.method), *numbers, staple=row.staple, revision=row.revision)


async def change(conn: AsyncConnection, project_uid: str, policy: Policy) -> Policy:
    """Set the policy; the project is held by the caller, so that two changes do not cross. Raises PolicyInvalid."""
    before = await of(conn, project_uid)
    after = replace(check(policy), revision=before.revision)
    if after == before:
        return before
    after = replace(after, revision=before.revision + 1)
    await conn.execute(delete(consensus_policies).where(consensus_policies.c.project_uid == project_uid))
    row = {
        "project_uid": project_uid,
        "method": after.method.value,
        "quorum": after.quorum,
        "iou": after.iou,
        "min_agreement": after.min_agreement,
        "min_confidence": after.min_confidence,
        "staple": after.staple,
        "revision": after.revision,
    }
    await conn.execute(consensus_policies.insert().values(row))
    return after
