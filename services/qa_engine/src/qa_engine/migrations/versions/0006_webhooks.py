"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables of webhooks."""
    _create_webhooks()
    _create_events()
    _create_deliveries()


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("uid", sa.String(26), primary_key=True),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("topics", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("ordered", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("former_key_id", sa.String(16), nullable=False),
        sa.Column("former_salt", sa.String(32), nullable=False),
        sa.Column("former_expire_time_us", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("retry_time_us", sa.BigInteger, nullable=False),
        sa.Column("due_time_us", sa.BigInteger, nullable=False),
        sa.Column("set_time_us", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.String(26), nullable=False),
        sa.Column("lease_until_us", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("webhooks_by_project", "webhooks", ["project_uid", "uid"])
    op.create_index("webhooks_by_due", "webhooks", ["state", "due_time_us"])
    op.create_table(
        "webhook_sequences",
        sa.Column("project_uid", sa.String(26), primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )


def _create_events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("uid", sa.String(26), primary_key=True),
        sa.Column("project_uid", sa.String(26), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("event_key", sa.String(160), nullable=False),
        sa.Column("topic", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("webhook_events_by_key", "webhook_events", ["project_uid", "event_key"], unique=True)
    op.create_index("webhook_events_by_seq", "webhook_events", ["project_uid", "seq"])
    op.create_index("webhook_events_by_time", "webhook_events", ["create_time_us"])


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("uid", sa.String(26), primary_key=True),
        sa.Column("webhook_uid", sa.String(26), nullable=False),
        sa.Column("event_uid", sa.String(26), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("topic", sa.String(80), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_time_us", sa.BigInteger, nullable=False),
        sa.Column("set_time_us", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "webhook_deliveries_by_event", "webhook_deliveries", ["webhook_uid", "event_uid"], unique=True
    )
    op.create_index(
        "webhook_deliveries_by_due", "webhook_deliveries", ["webhook_uid", "state", "due_time_us"]
    )
    op.create_index("webhook_deliveries_by_seq", "webhook_deliveries", ["webhook_uid", "state", "seq"])
    op.create_index("webhook_deliveries_by_uid", "webhook_deliveries", ["webhook_uid", "uid"])
    op.create_index("webhook_deliveries_of_event", "webhook_deliveries", ["event_uid"])
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery_uid", sa.String(26), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("start_time_us", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("http_status", sa.Integer, nullable=False),
        sa.Column("fault", sa.String(32), nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
    )
