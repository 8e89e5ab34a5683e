"""SQL room: the tables of batch. Times are microseconds since the Unix epoch, UTC; empty text means "none".

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

# A copy of what review_queue says about its projects; `ontology` is the serialised message.
projects = Table(
    "projects",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("ontology", LargeBinary, nullable=False),
    Column("ontology_revision", BigInteger, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("asset_count", BigInteger, nullable=False),
    Column("next_position", BigInteger, nullable=False),
    UniqueConstraint("tenant", "project_id", name="projects_by_id"),
)

# Pictures only; `body` is the asset's message, `boxes` a label's message with its boxes, `boxes_uid` that label's.
assets = Table(
    "assets",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("asset_uid", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("boxes", LargeBinary, nullable=False),
    Column("boxes_uid", Text, nullable=False),
    UniqueConstraint("project_uid", "position", name="assets_by_position"),
)

# `standing` is the mode of a run that events extend, empty in one that a caller asked for; `config` is JSON.
runs = Table(
    "runs",
    metadata,
    Column("run_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("minimum_asset_count", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("masks", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("end_time_us", BigInteger, nullable=False),
    UniqueConstraint("project_uid", "standing", "request_id", name="runs_by_request"),
    Index("runs_by_project", "project_uid", "run_uid"),
    Index("runs_by_state", "state"),
)

# Nobody takes an item before `claim_until_us`; `source` names the label whose boxes are asked for.
items = Table(
    "items",
    metadata,
    Column("run_uid", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("claim_until_us", BigInteger, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("masks", BigInteger, nullable=False),
    Column("error_reason", Text, nullable=False),
    Column("error_message", Text, nullable=False),
)
_pending, _failed, _claimed = items.c.state == 1, items.c.state == 3, items.c.claimed_by != ""
Index("items_pending", items.c.run_uid, items.c.position, sqlite_where=_pending, postgresql_where=_pending)
Index("items_failed", items.c.run_uid, items.c.position, sqlite_where=_failed, postgresql_where=_failed)
Index("items_claimed", items.c.claimed_by, sqlite_where=_claimed, postgresql_where=_claimed)
