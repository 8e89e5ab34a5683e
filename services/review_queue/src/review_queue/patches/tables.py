"""SQL room: the tables of labels that rules changed. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from review_queue.tables import metadata

# Each label that rules made of another one: by which run and which rules, a JSON list of ids in order.
label_patches = Table(
    "label_patches",
    metadata,
    Column("label_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("asset_uid", Text, nullable=False),
    Column("base_label_uid", Text, nullable=False),
    Column("rule_run", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index(
    "label_patches_by_run", label_patches.c.project_uid, label_patches.c.rule_run, label_patches.c.asset_uid
)

# Runs whose changes were undone: `restored` labels got their claims back, `kept` had changed since or had a person at
# work. What comes of such a run later changes nothing.
reverted_runs = Table(
    "reverted_runs",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("rule_run", Text, primary_key=True),
    Column("restored", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
