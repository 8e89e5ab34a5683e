"""The two tables every service has: events to publish and events already handled."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

# Events committed with the facts they tell; the relay deletes a row once the broker has it.
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("msg_id", String(128), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("traceparent", String(64), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    implicit_returning=False,
)

# The ids of events whose effects are in this database; they keep a redelivery from having them twice.
inbox = Table(
    "inbox",
    metadata,
    Column("stream", String(64), primary_key=True),
    Column("msg_id", String(128), primary_key=True),
    Column("seen_time_us", BigInteger, nullable=False),
    Index("inbox_by_time", "seen_time_us"),
    sqlite_with_rowid=False,
)


def create(connection: Any) -> None:
    """Create both tables on a synchronous connection."""
    metadata.create_all(connection)
