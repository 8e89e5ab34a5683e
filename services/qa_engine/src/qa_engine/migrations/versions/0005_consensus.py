"""Answers of several people, and what they agree on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Policies, answers, results, counts."""
    op.create_table(
        "consensus_policies",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("quorum", sa.Double, nullable=False),
        sa.Column("iou", sa.Double, nullable=False),
        sa.Column("min_agreement", sa.Double, nullable=False),
        sa.Column("min_confidence", sa.Double, nullable=False),
        sa.Column("staple", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "consensus_answers",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("asset_uid", sa.String(64), primary_key=True),
        sa.Column("annotator", sa.String(128), primary_key=True),
        sa.Column("label_uid", sa.String(64), nullable=False),
        sa.Column("label", sa.LargeBinary, nullable=False),
        sa.Column("answer_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("consensus_answers_by_time", "consensus_answers", ["project_uid", "answer_time_us"])
    op.create_table(
        "consensus_results",
        sa.Column("uid", sa.String(26), primary_key=True),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("asset_uid", sa.String(64), nullable=False),
        sa.Column("method", sa.String(80), nullable=False),
        sa.Column("agreed", sa.Boolean, nullable=False),
        sa.Column("label", sa.LargeBinary, nullable=False),
        sa.Column("agreement", sa.Double, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("by_tool", sa.Text, nullable=False),
        sa.Column("disputes", sa.Text, nullable=False),
        sa.Column("posteriors", sa.Text, nullable=False),
        sa.Column("answers_key", sa.String(64), nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "consensus_results_by_asset", "consensus_results", ["project_uid", "asset_uid"], unique=True
    )
    op.create_index("consensus_results_by_project", "consensus_results", ["project_uid", "uid"])
    op.create_index("consensus_results_by_agreed", "consensus_results", ["project_uid", "agreed", "uid"])
    op.create_table(
        "consensus_counts",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("tool", sa.String(128), primary_key=True),
        sa.Column("annotator", sa.String(128), primary_key=True),
        sa.Column("truth", sa.String(128), primary_key=True),
        sa.Column("said", sa.String(128), primary_key=True),
        sa.Column("amount", sa.Double, nullable=False),
    )
