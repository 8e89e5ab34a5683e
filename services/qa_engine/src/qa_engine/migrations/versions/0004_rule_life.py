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
