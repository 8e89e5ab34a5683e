"""Projects, rule settings, evaluations and findings."""

import sqlalchemy as sa
from alembic import op

from chassis.migrate import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    create_event_tables(op)
    op.create_table(
        "projects",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("project_id", sa.String(48), nullable=False),
        sa.Column("ontology", sa.LargeBinary, nullable=False),
        sa.Column("ontology_revision", sa.BigInteger, nullable=False),
        sa.Column("ruleset_revision", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant", "project_id"),
    )
    op.create_table(
        "rule_settings",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
    )
    op.create_table(
        "evaluations",
        sa.Column("label_uid", sa.String(64), primary_key=True),
        sa.Column("ruleset_revision", sa.BigInteger, primary_key=True),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("asset_uid", sa.String(64), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    _create_findings()


def _create_findings() -> None:
    op.create_table(
        "findings",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("label_uid", sa.String(64), nullable=False),
        sa.Column("asset_uid", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("annotation_id", sa.String(64), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("findings_by_project", "findings", ["project_uid", "seq"])
    op.create_index("findings_by_rule", "findings", ["project_uid", "rule", "seq"])
