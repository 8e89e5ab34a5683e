"""What was stored before searches were is found as if it had been stored after."""

from typing import Any

from sqlalchemy import text

from chassis import migrate
from chassis.db import connect
from labelmesh.qa.v1 import qa_events_pb2
from labels.label import Annotation, Choice, Confidence, ConfidenceMethod, Label, LabelKind, Lineage
from labels.proto import label_to_pb

CLAIM = (Annotation("a", "topic", "sport", Choice()),)
SURE = Confidence(ConfidenceMethod.LABEL_MASS, 0.75, 0.7, 0.8)
MADE = Lineage("qwen", "projects/news/predictionRuns/R1", 3, "0" * 64, (), 1)
PREDICTED, REVIEWED, IMPORTED, AGREED = (
    Label(LabelKind.PREDICTION, "qwen", CLAIM, "P1", "A1", 1, "e", SURE, MADE, (), 100),
    Label(LabelKind.REVIEW, "ann", CLAIM, "L1", "A1", 2, "e", create_time_us=200),
    Label(LabelKind.PREDICTION, "other", CLAIM, "P2", "A2", 1, "e", create_time_us=300),
    Label(LabelKind.REVIEW, "consensus", CLAIM, "L2", "A2", 2, "e", create_time_us=400),
)
_LABEL = """
    INSERT INTO labels (uid, project_uid, asset_uid, revision, kind, run_uid, body)
    VALUES (:uid, 'p', :asset, :revision, :kind, '', :body)
"""
_REVIEW = """
    INSERT INTO reviews (uid, project_uid, asset_uid, base_label_uid, label_uid, reviewer, decision, reason, ops,
                         active_seconds, create_time_us, run_uid, unchanged, true_positives, false_positives,
                         false_negatives)
    VALUES ('r', 'p', 'A1', 'P1', 'L1', 'ann', 'CORRECT', '', :ops, 1, 200, 'R1', 0, 3, 2, 1)
"""
_MOVED = """
    INSERT INTO confusion (review_uid, tool, predicted, reviewed, project_uid, run_uid, n, moved, overlap)
    VALUES ('r', 'roof', 'flat', '', 'p', 'R1', 1, 1, 0.5)
"""
_FOUND = """
    INSERT INTO findings (label_uid, project_uid, ruleset_revision, n, severity, body)
    VALUES ('L1', 'p', 1, 2, 1.0, :body)
"""
_FACTS = """
    SELECT author, source, create_time_us, prediction_uid, model, prompt_revision, confidence, agreement, overlap
    FROM labels WHERE uid = :uid
"""


async def test_labels_that_were_there_are_found_too(database_url: str) -> None:
    said = qa_events_pb2.LabelEvaluated()
    said.findings.add(rule="too_short")
    said.findings.add(rule="too_short")
    async with connect(database_url) as db:
        await migrate.upgrade(db, "review_queue", "0008")
        async with db.begin() as conn:
            for label in (PREDICTED, REVIEWED, IMPORTED, AGREED):
                body = label_to_pb(label, "news").SerializeToString()
                values = {"uid": label.uid, "asset": label.asset_uid, "revision": label.revision}
                await conn.execute(text(_LABEL), values | {"kind": label.kind.value, "body": body})
            await conn.execute(text(_REVIEW), {"ops": b""})
            await conn.execute(text(_MOVED))
            await conn.execute(text(_FOUND), {"body": said.SerializeToString()})
        await migrate.upgrade(db, "review_queue")

        async def facts(uid: str) -> tuple[Any, ...]:
            async with db.read() as conn:
                return tuple((await conn.execute(text(_FACTS), {"uid": uid})).one())

        assert await facts("P1") == ("qwen", "MODEL", 100, "P1", "qwen", 3, 0.75, None, None)
        # F1 of 3 right, 2 wrong and 1 missed; of 5 objects, as one moved, 3 are the same and one half.
        assert await facts("L1") == ("ann", "PERSON", 200, "P1", "qwen", 3, 0.75, 6 / 9, 3.5 / 5)
        assert await facts("P2") == ("other", "IMPORT", 300, "P2", "other", 0, None, None, None)
        assert await facts("L2") == ("consensus", "CONSENSUS", 400, "", "", 0, None, None, None)
        async with db.read() as conn:
            rules = (await conn.execute(text("SELECT project_uid, rule, label_uid FROM finding_rules"))).all()
        assert [tuple(row) for row in rules] == [("p", "too_short", "L1")]
