"""What rules add to a task's priority, and the pool of reviewers that they send it to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing was routed before."""
    for table in ("tasks", "findings"):
        op.add_column(table, sa.Column("boost", sa.Double, nullable=False, server_default="0"))
        op.add_column(table, sa.Column("pool", sa.Text, nullable=False, server_default=""))
