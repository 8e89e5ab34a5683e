"""How novel texts are, a further term of the priority; and labels that rules made, which no model is counted for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """No project weighs novelty yet, so that of no text is known."""
    by_rules = sa.text("source = 'RULE'")
    columns = ["project_uid", "kind", "run_uid"]
    op.create_index("labels_by_rules", "labels", columns, sqlite_where=by_rules, postgresql_where=by_rules)
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
