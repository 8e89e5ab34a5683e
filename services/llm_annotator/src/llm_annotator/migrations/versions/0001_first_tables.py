"""First tables.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from chassis.migrate import create_event_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of prompts, examples, runs and their items, and those of the events."""
    create_event_tables(op)
    _projects()
    _prompts()
    _runs()


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("ontology", sa.LargeBinary, nullable=False),
        sa.Column("ontology_revision", sa.BigInteger, nullable=False),
        sa.Column("instruction", sa.Text, nullable=False),
        sa.Column("automatic", sa.Boolean, nullable=False),
        sa.Column("asset_count", sa.BigInteger, nullable=False),
        sa.Column("next_position", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant", "project_id", name="projects_by_id"),
    )
    op.create_table(
        "assets",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("asset_uid", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reviewed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("project_uid", "position", name="assets_by_position"),
    )


def _prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("instruction", sa.Text, nullable=False),
        sa.Column("output_spec", sa.Text, nullable=False),
        sa.Column("ontology_revision", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "examples",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("asset_uid", sa.Text, primary_key=True),
        sa.Column("label_uid", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("corrected", sa.Boolean, nullable=False),
        sa.Column("classes", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("label", sa.LargeBinary, nullable=False),
        sa.Column("review_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("examples_by_time", "examples", ["project_uid", "review_time_us", "asset_uid"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("automatic", sa.Boolean, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("pause_reason", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_revision", sa.BigInteger, nullable=False),
        sa.Column("ontology", sa.LargeBinary, nullable=False),
        sa.Column("examples", sa.Text, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("succeeded", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("minimum_asset_count", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("end_time_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project_uid", "request_id", name="runs_by_request"),
    )
    op.create_index("runs_by_project", "runs", ["project_uid", "run_uid"])
    op.create_index("runs_by_state", "runs", ["state"])
    op.create_table(
        "items",
        sa.Column("run_uid", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("claimed_by", sa.Text, nullable=False),
        sa.Column("error_reason", sa.Text, nullable=False),
        sa.Column("error_message", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    unclaimed = sa.text("state = 1 AND claimed_by = ''")
    claimed = sa.text("claimed_by != ''")
    op.create_index(
        "items_unclaimed",
        "items",
        ["run_uid", "position"],
        sqlite_where=unclaimed,
        postgresql_where=unclaimed,
    )
    op.create_index("items_claimed", "items", ["claimed_by"], sqlite_where=claimed, postgresql_where=claimed)
    op.create_table(
        "workers",
        sa.Column("worker_uid", sa.Text, primary_key=True),
        sa.Column("seen_time_us", sa.BigInteger, nullable=False),
    )
