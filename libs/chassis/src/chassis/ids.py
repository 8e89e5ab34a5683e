"""Identifiers that sort by the time they were made."""

from ulid import ULID


def new_uid() -> str:
    """A fresh ULID: 26 characters of Crockford's base 32, ascending with time."""
    return str(ULID())
