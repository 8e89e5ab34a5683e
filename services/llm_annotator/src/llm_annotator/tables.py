"""SQL room: the tables. Times are microseconds since the Unix epoch, UTC; empty text means "none".

An item is a row of a run and an asset's `position`, the order in which the project's assets arrived.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("ontology", LargeBinary, nullable=False),
    Column("ontology_revision", BigInteger, nullable=False),
    Column("instruction", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("asset_count", BigInteger, nullable=False),
    Column("next_position", BigInteger, nullable=False),
    UniqueConstraint("tenant", "project_id", name="projects_by_id"),
)

# Texts only; `body` is the asset's message.
assets = Table(
    "assets",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("asset_uid", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    UniqueConstraint("project_uid", "position", name="assets_by_position"),
)

prompts = Table(
    "prompts",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("instruction", Text, nullable=False),
    Column("output_spec", Text, nullable=False),
    Column("ontology_revision", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)

# One reviewed label an asset; `classes` is a JSON list of [tool, category], `label` the label's message.
examples = Table(
    "examples",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("asset_uid", Text, primary_key=True),
    Column("label_uid", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("corrected", Boolean, nullable=False),
    Column("classes", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("label", LargeBinary, nullable=False),
    Column("review_time_us", BigInteger, nullable=False),
    Index("examples_by_time", "project_uid", "review_time_us", "asset_uid"),
)

# Assets whose answer is sealed: none of them is ever in `examples`.
sealed_assets = Table(
    "sealed_assets",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("asset_uid", Text, primary_key=True),
)

# `config` is JSON; `ontology`, `prompt_revision` and `examples` (JSON) are fixed when a run starts.
runs = Table(
    "runs",
    metadata,
    Column("run_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("config", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pause_reason", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_revision", BigInteger, nullable=False),
    Column("ontology", LargeBinary, nullable=False),
    Column("examples", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("minimum_asset_count", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    UniqueConstraint("project_uid", "request_id", name="runs_by_request"),
    Index("runs_by_project", "project_uid", "run_uid"),
    Index("runs_by_state", "state"),
)

items = Table(
    "items",
    metadata,
    Column("run_uid", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("error_reason", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    sqlite_with_rowid=False,
)
_unclaimed = (items.c.state == 1) & (items.c.claimed_by == "")
_claimed = items.c.claimed_by != ""
Index(
    "items_unclaimed", items.c.run_uid, items.c.position, sqlite_where=_unclaimed, postgresql_where=_unclaimed
)
Index("items_claimed", items.c.claimed_by, sqlite_where=_claimed, postgresql_where=_claimed)

# Processes that claim items, with the time of their last sign of life.
workers = Table(
    "workers",
    metadata,
    Column("worker_uid", Text, primary_key=True),
    Column("seen_time_us", BigInteger, nullable=False),
)
