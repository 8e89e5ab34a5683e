"""SQL room: which rules found something in which labels."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once
from labelmesh.qa.v1 import qa_events_pb2
from review_queue.search.tables import finding_rules

_r = finding_rules.c


async def name(
    conn: AsyncConnection, said: Sequence[tuple[str, str, bytes]], *, replaced: Sequence[str]
) -> None:
    """Keep the rules that LabelEvaluated messages name, given as (project uid, label uid, message).

    What earlier messages said about the labels `replaced` is forgotten.
    """
    if replaced:
        await conn.execute(delete(finding_rules).where(_r.label_uid.in_(sorted(replaced))))
    rows = [
        {"project_uid": project_uid, "rule": rule, "label_uid": label_uid}
        for project_uid, label_uid, body in said
        for rule in sorted({found.rule for found in qa_events_pb2.LabelEvaluated.FromString(body).findings})
    ]
    await at_once.store(conn, [(finding_rules, rows)], ignore=True)
