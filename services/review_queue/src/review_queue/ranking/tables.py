"""SQL room: the tables behind novelty. Only projects that weigh it have rows here."""

from sqlalchemy import Column, LargeBinary, Table, Text

from review_queue.tables import metadata

# The sketch of each text, see `novelty.sketch`.
novelty_sketches = Table(
    "novelty_sketches",
    metadata,
    Column("asset_uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("sketch", LargeBinary, nullable=False),
)

# What people have answered in each project, see `novelty.Seen`.
novelty_seen = Table(
    "novelty_seen",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("recent", LargeBinary, nullable=False),
    Column("older", LargeBinary, nullable=False),
)
