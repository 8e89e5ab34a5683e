"""What a database driver's error means for the caller."""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis.errors import StorageFull, StorageUnavailable

# SQLite primary result codes, https://www.sqlite.org/rescode.html
_SQLITE_FULL = 13
_SQLITE_UNAVAILABLE = {5, 6, 8, 10, 14}  # busy, locked, readonly, i/o error, cannot open
# PostgreSQL SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_PG_FULL = {"53100", "53200"}
_PG_UNAVAILABLE = {"25006", "40001", "40P01", "55P03"}  # read-only, serialization, deadlock, lock wait
_PG_UNAVAILABLE_CLASSES = {"08", "53", "57"}  # connection, resources, operator intervention


def storage_error(error: SQLAlchemyError) -> StorageFull | StorageUnavailable | None:
    """StorageFull or StorageUnavailable where the error is about the storage, None where it is about the SQL."""
    if isinstance(error, PoolTimeout):
        return StorageUnavailable()
    if not isinstance(error, DBAPIError):
        return None
    if error.connection_invalidated:
        return StorageUnavailable()
    cause: BaseException | None = error.orig
    while cause is not None:
        if isinstance(cause, sqlite3.Error):
            return _sqlite(cause)
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return _postgresql(state)
        cause = cause.__cause__
    return None


def _sqlite(error: sqlite3.Error) -> StorageFull | StorageUnavailable | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code & 0xFF == _SQLITE_FULL:
        return StorageFull()
    return StorageUnavailable() if code & 0xFF in _SQLITE_UNAVAILABLE else None


def _postgresql(state: str) -> StorageFull | StorageUnavailable | None:
    if state in _PG_FULL:
        return StorageFull()
    if state in _PG_UNAVAILABLE or state[:2] in _PG_UNAVAILABLE_CLASSES:
        return StorageUnavailable()
    return None


def in_terms_of_sqlalchemy(error: sqlite3.Error) -> SQLAlchemyError:
    """What SQLAlchemy raises for an error of SQLite's driver."""
    told = DBAPIError.instance("", None, error, sqlite3.Error)
    told.__cause__ = error
    return told
