"""Schema changes: alembic, configured in code, one list of versions a service."""

from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from chassis.db import Database

_LOCK_KEY = 0x4C61624D  # "LabM": one migration at a time on a server
_LOCK_TIMEOUT = "10s"


async def upgrade(database: Database, package: str) -> None:
    """Bring the database to the newest version in `<package>/migrations/versions`.

    Replicas may start together: on PostgreSQL an advisory lock lets one at a time look, on SQLite the file's write lock
    does. A statement that cannot get its table lock within ten seconds fails rather than queueing everyone behind it.
    """
    script = _script(package)
    async with database.begin() as connection:
        if database.dialect == "postgresql":
            await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            await connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
        await connection.run_sync(_run, script)


def _script(package: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _run(connection: Connection, script: ScriptDirectory) -> None:
    def to_head(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=to_head) as environment:
        environment.configure(connection=connection, transactional_ddl=False, transaction_per_migration=False)
        environment.run_migrations()


def create_event_tables(op: Operations) -> None:
    """Create `outbox` and `inbox`; every service's first migration calls it."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "outbox",
        sa.Column("id", serial, primary_key=True, autoincrement=True),
        sa.Column("msg_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("msg_id", sa.Text, primary_key=True),
        sa.Column("time_us", sa.BigInteger, nullable=False),
    )
    op.create_index("inbox_time", "inbox", ["time_us"])


