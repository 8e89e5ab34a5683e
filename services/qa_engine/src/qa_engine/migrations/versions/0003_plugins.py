"""Customers' own rules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of plugins and their revisions."""
    op.create_table(
        "plugins",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("name", sa.String(48), primary_key=True),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("hooks", sa.Text, nullable=False),
        sa.Column("tests", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("update_time_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "plugin_revisions",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("name", sa.String(48), primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("hooks", sa.Text, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("update_time_us", sa.BigInteger, nullable=False),
    )
