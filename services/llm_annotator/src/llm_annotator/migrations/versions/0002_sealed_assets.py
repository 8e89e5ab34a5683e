"""Assets whose answer is sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A table of its own: an asset may be sealed before its review is known here, or after."""
    op.create_table(
        "sealed_assets",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("asset_uid", sa.Text, primary_key=True),
    )
