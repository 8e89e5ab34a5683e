"""Projects, their pictures, runs and the items of runs."""

import sqlalchemy as sa
from alembic import op

from chassis.migrate import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    create_event_tables(op)
    _create_projects()
    _create_runs()
    _create_items()


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("ontology", sa.LargeBinary, nullable=False),
        sa.Column("ontology_revision", sa.BigInteger, nullable=False),
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
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reviewed", sa.Boolean, nullable=False),
        sa.Column("boxes", sa.LargeBinary, nullable=False),
        sa.Column("boxes_uid", sa.Text, nullable=False),
        sa.UniqueConstraint("project_uid", "position", name="assets_by_position"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("minimum_asset_count", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("succeeded", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("masks", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("end_time_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project_uid", "standing", "request_id", name="runs_by_request"),
    )
    op.create_index("runs_by_project", "runs", ["project_uid", "run_uid"])
    op.create_index("runs_by_state", "runs", ["state"])


def _create_items() -> None:
    op.create_table(
        "items",
        sa.Column("run_uid", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("claimed_by", sa.Text, nullable=False),
        sa.Column("claim_until_us", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("masks", sa.BigInteger, nullable=False),
        sa.Column("error_reason", sa.Text, nullable=False),
        sa.Column("error_message", sa.Text, nullable=False),
    )
    columns = ["run_uid", "position"]
    for name, where, indexed in (
        ("items_pending", "state = 1", columns),
        ("items_failed", "state = 3", columns),
        ("items_claimed", "claimed_by != ''", ["claimed_by"]),
    ):
        op.create_index(name, "items", indexed, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
