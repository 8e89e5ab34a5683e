"""The tables of plugins. Times are microseconds since the Unix epoch, UTC."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from qa_engine.tables import metadata

# `hooks` is a JSON list; `tests` are serialised messages.
plugins = Table(
    "plugins",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("name", String(48), primary_key=True),
    Column("language", String(16), nullable=False),
    Column("code", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("hooks", Text, nullable=False),
    Column("tests", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("author", String(128), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
)

# Every revision that ever was, also of plugins that are deleted.
plugin_revisions = Table(
    "plugin_revisions",
    metadata,
    Column("project_uid", String(26), primary_key=True),
    Column("name", String(48), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("language", String(16), nullable=False),
    Column("code", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("hooks", Text, nullable=False),
    Column("author", String(128), nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
)
