"""Modes and actions of rules, labels seen, rule runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """What a rule does about its findings, and whether it is on trial."""
    shadow = sa.Column("shadow", sa.Boolean, nullable=False, server_default=sa.false())
    for column in (
        shadow,
        sa.Column("action", sa.String(16), nullable=False, server_default="FLAG"),
        sa.Column("route_boost", sa.Double, nullable=False, server_default="0"),
        sa.Column("route_pool", sa.String(64), nullable=False, server_default=""),
        sa.Column("precision_floor", sa.Double, nullable=False, server_default="0.9"),
    ):
        op.add_column("rule_settings", column)
    op.add_column("findings", sa.Column("shadow", sa.Boolean, nullable=False, server_default=sa.false()))
    _create_labels()
    _create_runs()
    _create_patches()


def _create_labels() -> None:
    """Labels as they stand, what reviewers left of them, and verdicts."""
    op.create_table(
        "seen_labels",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("asset_uid", sa.String(64), primary_key=True),
        sa.Column("label_uid", sa.String(64), nullable=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("label", sa.LargeBinary, nullable=False),
        sa.Column("asset", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reviewed_labels",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("label_uid", sa.String(64), primary_key=True),
        sa.Column("changed", sa.Text, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("label", sa.LargeBinary, nullable=False),
        sa.Column("asset", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verdicts",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("label_uid", sa.String(64), primary_key=True),
        sa.Column("annotation_id", sa.String(64), primary_key=True),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_runs() -> None:
    """Runs and the sample of what they found."""
    op.create_table(
        "rule_runs",
        sa.Column("uid", sa.String(26), primary_key=True),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("terms", sa.String(64), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("cursor", sa.String(64), nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("looked", sa.BigInteger, nullable=False),
        sa.Column("hit_labels", sa.BigInteger, nullable=False),
        sa.Column("hits", sa.BigInteger, nullable=False),
        sa.Column("patched", sa.BigInteger, nullable=False),
        sa.Column("right_hits", sa.BigInteger, nullable=False),
        sa.Column("wrong_hits", sa.BigInteger, nullable=False),
        sa.Column("seconds_per_hit", sa.Double, nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("end_time_us", sa.BigInteger, nullable=False),
        sa.Column("claim_us", sa.BigInteger, nullable=False),
    )
    op.create_index("rule_runs_by_project", "rule_runs", ["project_uid", "create_time_us", "uid"])
    op.create_index("rule_runs_by_state", "rule_runs", ["state", "claim_us"])
    op.create_table(
        "run_hits",
        sa.Column("run_uid", sa.String(26), primary_key=True),
        sa.Column("draw", sa.BigInteger, primary_key=True),
        sa.Column("label_uid", sa.String(64), nullable=False),
        sa.Column("asset_uid", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("annotation_id", sa.String(64), nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_patches() -> None:
    """What rules changed."""
    op.create_table(
        "patched_annotations",
        sa.Column("root_uid", sa.String(64), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("annotation_id", sa.String(64), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "patched_labels",
        sa.Column("label_uid", sa.String(64), primary_key=True),
        sa.Column("root_uid", sa.String(64), nullable=False),
        sqlite_with_rowid=False,
    )
