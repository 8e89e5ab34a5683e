"""SQL room: the tables of the chain.

`chain` has an entry for each stored asset, label and review, written in the transaction that stores it. `seal` is the
number of the seal that closed it, 0 until then. Nothing in either table changes but that number, once.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

from review_queue.tables import metadata

chain = Table(
    "chain",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("seal", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("chain_by_seal", chain.c.project_uid, chain.c.seal, chain.c.kind, chain.c.uid)

seals = Table(
    "seals",
    metadata,
    Column("project_uid", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
