"""Further terms of the priority: what assets are worth, and how novel they are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """No project weighs novelty yet, so that of no text is known."""
    op.add_column("projects", sa.Column("weight_novelty", sa.Double, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("novelty", sa.Double))
    op.create_table(
        "novelty_sketches",
        sa.Column("asset_uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("sketch", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "novelty_seen",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("recent", sa.LargeBinary, nullable=False),
        sa.Column("older", sa.LargeBinary, nullable=False),
    )
