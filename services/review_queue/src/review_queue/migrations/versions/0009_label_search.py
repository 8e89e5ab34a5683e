"""What searches ask about labels, and the rules that found something in them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import qa_events_pb2

revision = "0009"
down_revision = "0008"

_PART = 1_000
_INDEXES = {
    "labels_by_time": ("labels", "project_uid create_time_us uid asset_uid", None),
    "labels_by_author": ("labels", "project_uid author asset_uid", None),
    "labels_by_confidence": (
        "labels",
        "project_uid kind confidence asset_uid",
        "kind = 'PREDICTION' AND confidence IS NOT NULL",
    ),
    "labels_by_prompt": (
        "labels",
        "project_uid kind prompt_revision asset_uid",
        "kind = 'PREDICTION'",
    ),
    "labels_changed": ("labels", "project_uid agreement overlap asset_uid", "agreement < 1"),
    "findings_found": ("findings", "project_uid severity n label_uid", "n > 0"),
    "reviews_rejected": ("reviews", "project_uid reviewer asset_uid", "decision = 'REJECT'"),
}


def upgrade() -> None:
    """Add the columns and the table, fill them from what is there, then build the indexes."""
    for name in ("author", "source", "prediction_uid", "model"):
        op.add_column("labels", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("create_time_us", "prompt_revision"):
        op.add_column("labels", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    for name in ("confidence", "agreement", "overlap"):
        op.add_column("labels", sa.Column(name, sa.Double))
    op.create_table(
        "finding_rules",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("label_uid", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    _fill_from_bodies()
    _fill_from_reviews()
    _fill_rules()
    op.create_index("finding_rules_by_label", "finding_rules", ["label_uid"])
    op.drop_index("findings_found", "findings")
    for name, (table, columns, where) in _INDEXES.items():
        only = sa.text(where) if where else None
        op.create_index(name, table, columns.split(), sqlite_where=only, postgresql_where=only)


def _fill_from_bodies() -> None:
    connection = op.get_bind()
    update = sa.text(
        "UPDATE labels SET author = :author, source = :source, create_time_us = :time,"
        " prediction_uid = :prediction, model = :model, prompt_revision = :prompt, confidence = :confidence"
        " WHERE uid = :uid"
    )
    page = sa.text("SELECT uid, kind, body FROM labels WHERE uid > :after ORDER BY uid LIMIT :part")
    after = ""
    while rows := connection.execute(page, {"after": after, "part": _PART}).all():
        after = rows[-1].uid
        connection.execute(update, [_facts(row, label_pb2.Label.FromString(row.body)) for row in rows])
    op.execute("UPDATE labels SET source = 'RULE' WHERE uid IN (SELECT label_uid FROM label_patches)")


def _facts(row: sa.Row[Any], label: label_pb2.Label) -> dict[str, Any]:
    predicted = row.kind == "PREDICTION"
    source = "CONSENSUS" if (row.kind, label.author) == ("REVIEW", "consensus") else "PERSON"
    if predicted:
        # What was imported is of no run.
        source = "MODEL" if label.lineage.prediction_run else "IMPORT"
    return {
        "uid": row.uid,
        "author": label.author,
        "source": source,
        "time": label.create_time_us,
        "prediction": row.uid if predicted else "",
        "model": label.author if predicted else "",
        "prompt": label.lineage.prompt_revision if predicted else 0,
        "confidence": label.confidence.raw if predicted and label.HasField("confidence") else None,
    }


_REVIEWED = """
    SELECT r.uid, r.label_uid, r.base_label_uid, p.model, p.prompt_revision, p.confidence, r.true_positives AS hits,
           r.false_positives + r.false_negatives AS misses,
           (SELECT SUM(c.moved) FROM confusion c WHERE c.review_uid = r.uid) AS moved,
           (SELECT SUM(c.overlap) FROM confusion c WHERE c.review_uid = r.uid) AS kept
    FROM reviews r JOIN labels p ON p.uid = r.base_label_uid
    WHERE r.uid > :after AND r.label_uid <> '' AND r.true_positives IS NOT NULL ORDER BY r.uid LIMIT :part
"""


def _fill_from_reviews() -> None:
    """Of reviewed predictions; what people made of a reviewed label later follows none."""
    connection = op.get_bind()
    update = sa.text(
        "UPDATE labels SET prediction_uid = :prediction, model = :model, prompt_revision = :prompt,"
        " confidence = :confidence, agreement = :agreement, overlap = :overlap WHERE uid = :uid"
    )
    after = ""
    while rows := connection.execute(sa.text(_REVIEWED), {"after": after, "part": _PART}).all():
        after = rows[-1].uid
        connection.execute(update, [_compared(row) for row in rows])


def _compared(row: sa.Row[Any]) -> dict[str, Any]:
    objects = row.hits + row.misses - (row.moved or 0)
    return {
        "uid": row.label_uid,
        "prediction": row.base_label_uid,
        "model": row.model,
        "prompt": row.prompt_revision,
        "confidence": row.confidence,
        "agreement": 2 * row.hits / (2 * row.hits + row.misses) if row.hits + row.misses else 1.0,
        "overlap": min(1.0, (row.hits + (row.kept or 0.0)) / objects) if objects else 1.0,
    }


def _fill_rules() -> None:
    connection = op.get_bind()
    insert = sa.text(
        "INSERT INTO finding_rules (project_uid, rule, label_uid) VALUES (:project, :rule, :label)"
    )
    page = sa.text(
        "SELECT label_uid, project_uid, body FROM findings WHERE n > 0 AND label_uid > :after"
        " ORDER BY label_uid LIMIT :part"
    )
    after = ""
    while rows := connection.execute(page, {"after": after, "part": _PART}).all():
        after = rows[-1].label_uid
        found = [
            {"project": row.project_uid, "rule": rule, "label": row.label_uid}
            for row in rows
            for rule in sorted({f.rule for f in qa_events_pb2.LabelEvaluated.FromString(row.body).findings})
        ]
        if found:
            connection.execute(insert, found)
