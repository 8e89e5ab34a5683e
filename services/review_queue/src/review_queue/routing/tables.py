"""SQL room: who had to do with a task, and how it went from one to the other.

Times are microseconds since the Unix epoch, UTC.
"""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Table, Text

from review_queue.tables import metadata

# Who is not to see a task: `answered` 1 that the person's answer is one of several, else they passed it over and
# may see it again from `until_us` on.
engagements = Table(
    "engagements",
    metadata,
    Column("task_uid", Text, primary_key=True),
    Column("reviewer", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("answered", SmallInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Every time that a task was sent back, escalated or passed over.
moves = Table(
    "moves",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("project_uid", Text, nullable=False),
    Column("task_uid", Text, nullable=False),
    Column("move", Text, nullable=False),
    Column("moved_by", Text, nullable=False),
    Column("moved_to", Text, nullable=False),
    Column("pool", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
)
Index("moves_by_task", moves.c.task_uid, moves.c.uid)
