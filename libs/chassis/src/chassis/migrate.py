"""Schema migrations: every service's versions run by one environment."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from chassis import event_tables
from chassis.db import Database
from chassis.errors import StorageUnavailable
from chassis.log import get_logger

# "labelmesh" in ASCII, cut to the 63 bits an advisory lock has.
_LOCK = int.from_bytes(b"labelmes") >> 1
_PATIENCE_SECONDS = 60.0
_log = get_logger(__name__)


async def upgrade(db: Database, package: str, to: str = "heads") -> None:
    """Bring the database to the newest version in `<package>/migrations/versions`, or to the revision `to`.

    One transaction, so a failed migration changes nothing. Replicas that start together take turns
    (advisory lock; SQLite: the immediate transaction). A statement that waits more than 10 s for a table
    lock gives up instead of queueing all traffic behind itself. A schema newer than this code stays as it
    is: versions only add until no running release needs the old shape. Raises StorageUnavailable when the database
    stays away for a minute.
    """
    scripts = _scripts(package)
    give_up = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        try:
            await _upgrade(db, scripts, package, to)
            return
        except StorageUnavailable:
            # The database may be starting too, or another replica is at work: services start in any order.
            if asyncio.get_running_loop().time() > give_up:
                raise
            _log.warning("migration waits for the database", package=package)
            await asyncio.sleep(1)


async def _upgrade(db: Database, scripts: ScriptDirectory, package: str, to: str) -> None:
    async with db.begin() as conn:
        if db.dialect == "postgresql":
            await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        else:
            # The write lock is taken with the first statement, and must be held before versions are compared.
            await conn.execute(text("SELECT 1"))
        await conn.run_sync(_run, scripts, package, to)


def create_event_tables(op: Operations | Any) -> None:
    """Create `outbox` and `inbox`; the first migration of a service calls it with its `op`."""
    event_tables.create(op.get_bind())


def _scripts(package: str) -> ScriptDirectory:
    module = importlib.import_module(package)
    if module.__file__ is None:
        raise ImportError(f"{package} has no folder")
    folder = Path(module.__file__).parent / "migrations"
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def _run(connection: Connection, scripts: ScriptDirectory, package: str, to: str) -> None:
    def steps(current: Any, _context: Any) -> Any:
        heads = (current,) if isinstance(current, str) else tuple(current)
        known = {revision.revision for revision in scripts.walk_revisions()}
        if not set(heads) <= known:
            _log.warning("schema is newer than this release", package=package, revisions=sorted(heads))
            return []
        return scripts._upgrade_revs(to, current)

    environment = EnvironmentContext(Config(), scripts, fn=steps, destination_rev=to)
    with environment:
        environment.configure(connection=connection)
        environment.run_migrations()
