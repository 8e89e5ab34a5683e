"""Rules that are asked on a schedule, and how long reviews take."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the period to settings, and what schedules and the time of reviews are kept in."""
    minutes = sa.Column("schedule_minutes", sa.Integer, nullable=False, server_default="0")
    op.add_column("rule_settings", minutes)
    source = sa.Column("review_time_source", sa.String(16), nullable=False, server_default="DEFAULT")
    op.add_column("rule_runs", source)
    unchecked = sa.Column("unchecked_labels", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("rule_runs", unchecked)
    op.create_index("findings_by_label", "findings", ["project_uid", "label_uid"])
    op.create_table(
        "rule_schedules",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("due_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("rule_schedules_by_due", "rule_schedules", ["due_time_us"])
    op.create_table(
        "scheduled_operations",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("about", sa.String(64), primary_key=True),
        sa.Column("said", sa.String(32), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "review_times",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("bin", sa.Integer, primary_key=True),
        sa.Column("reviews", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
