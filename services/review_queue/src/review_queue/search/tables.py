"""SQL room: what makes labels quick to find, beside their own columns.

A label never changes, so each of its entries is written once and stays when the label is reviewed. A reviewer's label
has two of them, its time and its author, and a third when it changed the prediction: confidence and prompt are found by
the prediction's own.
"""

from sqlalchemy import Column, Index, Table, Text, literal_column

from review_queue.tables import findings, labels, metadata, reviews

PREDICTED = labels.c.kind == literal_column("'PREDICTION'")
SURE = PREDICTED & labels.c.confidence.is_not(None)
CHANGED = labels.c.agreement < literal_column("1")
"""As the indexes say it: a database uses them only where a query says the same, and a parameter is not the same."""
FOUND = findings.c.n > literal_column("0")
REJECTED = reviews.c.decision == literal_column("'REJECT'")

Index("labels_by_time", labels.c.project_uid, labels.c.create_time_us, labels.c.uid, labels.c.asset_uid)
Index("labels_by_author", labels.c.project_uid, labels.c.author, labels.c.asset_uid)
# SQLite takes the index with the most columns that are equal to something: without the kind it would be that of runs.
Index(
    "labels_by_confidence",
    labels.c.project_uid,
    labels.c.kind,
    labels.c.confidence,
    labels.c.asset_uid,
    sqlite_where=SURE,
    postgresql_where=SURE,
)
Index(
    "labels_by_prompt",
    labels.c.project_uid,
    labels.c.kind,
    labels.c.prompt_revision,
    labels.c.asset_uid,
    sqlite_where=PREDICTED,
    postgresql_where=PREDICTED,
)
Index(
    "labels_changed",
    labels.c.project_uid,
    labels.c.agreement,
    labels.c.overlap,
    labels.c.asset_uid,
    sqlite_where=CHANGED,
    postgresql_where=CHANGED,
)
Index(
    "findings_found",
    findings.c.project_uid,
    findings.c.severity,
    findings.c.n,
    findings.c.label_uid,
    sqlite_where=FOUND,
    postgresql_where=FOUND,
)
Index(
    "reviews_rejected",
    reviews.c.project_uid,
    reviews.c.reviewer,
    reviews.c.asset_uid,
    sqlite_where=REJECTED,
    postgresql_where=REJECTED,
)

# The rules that found something in a label, each once.
finding_rules = Table(
    "finding_rules",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("label_uid", Text, primary_key=True),
    sqlite_with_rowid=False,
)
Index("finding_rules_by_label", finding_rules.c.label_uid)
