"""Rules for a project's queue, and how far a task has got between people."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXTS = ("routed_pool", "lane", "answered_by", "sent_by", "sent_to", "sent_pool", "sent_reason")


def upgrade() -> None:
    """Every project has the default policy, and every task has got nowhere."""
    op.add_column("projects", sa.Column("queue_policy", sa.LargeBinary, nullable=False, server_default=""))
    op.add_column(
        "projects", sa.Column("queue_policy_revision", sa.BigInteger, nullable=False, server_default="0")
    )
    for name in ("weight_disagreement", "weight_business"):
        default = "1" if name == "weight_disagreement" else "0"
        op.add_column("projects", sa.Column(name, sa.Double, nullable=False, server_default=default))
    for name in _TEXTS:
        op.add_column("tasks", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("answers", "answers_wanted", "stage"):
        op.add_column("tasks", sa.Column(name, sa.SmallInteger, nullable=False, server_default="0"))
    for name in ("disagreement", "business"):
        op.add_column("tasks", sa.Column(name, sa.Double, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("sent_until_us", sa.BigInteger, nullable=False, server_default="0"))
    # Who may not take what stands at the top passes it without looking at the rows themselves.
    op.drop_index("tasks_queue", "tasks")
    op.create_index("tasks_queue", "tasks", ["project_uid", "state", "rank", "uid", "lane"])
    op.create_index(
        "tasks_by_age",
        "tasks",
        ["project_uid", "create_time_us", "uid"],
        sqlite_where=sa.text("state = 2"),
        postgresql_where=sa.text("state = 2"),
    )
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "engagements",
        sa.Column("task_uid", sa.Text, primary_key=True),
        sa.Column("reviewer", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("answered", sa.SmallInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "moves",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("task_uid", sa.Text, nullable=False),
        sa.Column("move", sa.Text, nullable=False),
        sa.Column("moved_by", sa.Text, nullable=False),
        sa.Column("moved_to", sa.Text, nullable=False),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("moves_by_task", "moves", ["task_uid", "uid"])
