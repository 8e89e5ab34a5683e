"""Projects, assets, labels, tasks, findings, reviews, requests, and the event tables."""

import sqlalchemy as sa
from alembic import op

from chassis.migrate import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    create_event_tables(op)
    _create_projects_and_assets()
    _create_tasks()
    _create_labels()
    _create_reviews()
    _create_requests()


def _create_projects_and_assets() -> None:
    op.create_table(
        "projects",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("instruction", sa.Text, nullable=False),
        sa.Column("ontology", sa.LargeBinary, nullable=False),
        sa.Column("pre_annotation", sa.Text, nullable=False),
        sa.Column("weight_uncertainty", sa.Double, nullable=False),
        sa.Column("weight_findings", sa.Double, nullable=False),
        sa.Column("weight_age_per_hour", sa.Double, nullable=False),
        sa.Column("asset_count", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant", "project_id", name="projects_by_id"),
    )
    op.create_table(
        "assets",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("project_uid", "key", name="assets_by_key"),
        sa.UniqueConstraint("project_uid", "seq", name="assets_by_seq"),
    )


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("rank", sa.Double, nullable=False),
        sa.Column("uncertainty", sa.Double, nullable=False),
        sa.Column("severity", sa.Double, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("label_uid", sa.Text, nullable=False),
        sa.Column("label_kind", sa.Text, nullable=False),
        sa.Column("prediction_error", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("fencing_token", sa.BigInteger, nullable=False),
        sa.Column("lease_expire_us", sa.BigInteger, nullable=False),
        sa.Column("leased_label_uid", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tasks_queue", "tasks", ["project_uid", "state", "rank", "uid"])
    _partial_index("tasks_leased", "tasks", ["project_uid", "lease_expire_us"], "lease_expire_us > 0")
    _partial_index("tasks_failed", "tasks", ["project_uid"], "prediction_error != ''")


def _create_labels() -> None:
    op.create_table(
        "labels",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("asset_uid", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("run_uid", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("asset_uid", "revision", name="labels_by_asset"),
    )
    op.create_index("labels_by_run", "labels", ["project_uid", "kind", "run_uid"])
    op.create_table(
        "findings",
        sa.Column("label_uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("ruleset_revision", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("severity", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    _partial_index("findings_found", "findings", ["project_uid"], "n > 0")


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("asset_uid", sa.Text, nullable=False),
        sa.Column("base_label_uid", sa.Text, nullable=False),
        sa.Column("label_uid", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ops", sa.LargeBinary, nullable=False),
        sa.Column("active_seconds", sa.Double, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("run_uid", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double),
        sa.Column("unchanged", sa.SmallInteger),
        sa.Column("true_positives", sa.Integer),
        sa.Column("false_positives", sa.Integer),
        sa.Column("false_negatives", sa.Integer),
    )
    op.create_index("reviews_by_run", "reviews", ["project_uid", "run_uid"])
    op.create_table(
        "confusion",
        sa.Column("review_uid", sa.Text, primary_key=True),
        sa.Column("tool", sa.Text, primary_key=True),
        sa.Column("predicted", sa.Text, primary_key=True),
        sa.Column("reviewed", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("run_uid", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("confusion_by_run", "confusion", ["project_uid", "run_uid"])


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("actor", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["create_time_us"])


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
