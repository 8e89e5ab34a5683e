"""Facts of labels that others are compared with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of facts."""
    op.create_table(
        "label_facts",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("asset_uid", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(16), primary_key=True),
        sa.Column("label_uid", sa.String(64), nullable=False),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("strings", sa.Text, nullable=False),
    )
    op.create_table(
        "string_facts",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("string_key", sa.String(32), primary_key=True),
        sa.Column("tool", sa.String(128), primary_key=True),
        sa.Column("category", sa.String(128), primary_key=True),
        sa.Column("labels", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "category_facts",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("source", sa.String(16), primary_key=True),
        sa.Column("tool", sa.String(128), primary_key=True),
        sa.Column("category", sa.String(128), primary_key=True),
        sa.Column("earlier", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.BigInteger, nullable=False),
        sa.Column("recent", sa.BigInteger, nullable=False),
        sa.Column("confidence_sum", sa.Double, nullable=False),
        sa.Column("confidence_count", sa.BigInteger, nullable=False),
    )
