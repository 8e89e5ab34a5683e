"""Labels that rules changed, and runs whose changes were undone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "label_patches",
        sa.Column("label_uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("asset_uid", sa.Text, nullable=False),
        sa.Column("base_label_uid", sa.Text, nullable=False),
        sa.Column("rule_run", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("label_patches_by_run", "label_patches", ["project_uid", "rule_run", "asset_uid"])
    op.create_table(
        "reverted_runs",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("rule_run", sa.Text, primary_key=True),
        sa.Column("restored", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
