"""The tables of webhooks. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from qa_engine.tables import metadata

# `topics` is a JSON list. Of secrets there are salts and the names of keys. `due_time_us` is when the worker looks at
# it next; `set_time_us` when that was decided. Who holds the lease sends.
webhooks = Table(
    "webhooks",
    metadata,
    Column("uid", String(26), primary_key=True),
    Column("project_uid", String(26), nullable=False),
    Column("tenant", String(128), nullable=False),
    Column("url", Text, nullable=False),
    Column("topics", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("ordered", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("former_key_id", String(16), nullable=False),
    Column("former_salt", String(32), nullable=False),
    Column("former_expire_time_us", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("retry_time_us", BigInteger, nullable=False),
    Column("due_time_us", BigInteger, nullable=False),
    Column("set_time_us", BigInteger, nullable=False),
    Column("lease_owner", String(26), nullable=False),
    Column("lease_until_us", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Index("webhooks_by_project", "project_uid", "uid"),
    Index("webhooks_by_due", "state", "due_time_us"),
)

# How far each project that has or had a webhook has counted. Its row is held until the events are committed, so
# sequences have no gaps and appear in order.
webhook_sequences = Table(
    "webhook_sequences",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
)

# What happened, once for all webhooks of a project. `body` is the JSON that is posted; `seq` is 0 for pings.
webhook_events = Table(
    "webhook_events",
    metadata,
    Column("uid", String(26), primary_key=True),
    Column("project_uid", String(26), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_key", String(160), nullable=False),
    Column("topic", String(80), nullable=False),
    Column("body", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Index("webhook_events_by_key", "project_uid", "event_key", unique=True),
    Index("webhook_events_by_seq", "project_uid", "seq"),
    Index("webhook_events_by_time", "create_time_us"),
)

# `attempts` counts all of them, `tries` those since it was last asked for.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("uid", String(26), primary_key=True),
    Column("webhook_uid", String(26), nullable=False),
    Column("event_uid", String(26), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("topic", String(80), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_time_us", BigInteger, nullable=False),
    Column("set_time_us", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Index("webhook_deliveries_by_event", "webhook_uid", "event_uid", unique=True),
    Index("webhook_deliveries_by_due", "webhook_uid", "state", "due_time_us"),
    Index("webhook_deliveries_by_seq", "webhook_uid", "state", "seq"),
    Index("webhook_deliveries_by_uid", "webhook_uid", "uid"),
    Index("webhook_deliveries_of_event", "event_uid"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery_uid", String(26), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("start_time_us", BigInteger, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("fault", String(32), nullable=False),
    Column("excerpt", Text, nullable=False),
)
