"""Hashes of what is stored, and of the seals that link them, as pure functions.

An entry's hash is SHA-256 over every column of the stored row, each with its type and length, so that no two rows
read alike. A seal's digest is SHA-256 over the digest of the project's seal before it, its own number and the entries
that it closes: whoever keeps one seal's digest elsewhere can tell later that nothing up to it was changed, taken away
or slipped in.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

Value = str | bytes | int | float | None


class Kind(IntEnum):
    """Which table an entry stands for; the numbers are stored."""

    ASSET = 1
    LABEL = 2
    REVIEW = 3


COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ASSET: ("uid", "project_uid", "seq", "key", "body"),
    Kind.LABEL: ("uid", "project_uid", "asset_uid", "revision", "kind", "run_uid", "body"),
    Kind.REVIEW: (
        "uid",
        "project_uid",
        "asset_uid",
        "base_label_uid",
        "label_uid",
        "reviewer",
        "decision",
        "reason",
        "ops",
        "active_seconds",
        "create_time_us",
        "run_uid",
        "confidence",
        "unchanged",
        "true_positives",
        "false_positives",
        "false_negatives",
    ),
}
"""What an entry's hash covers, in this order. A new column needs a new kind: hashes that are there stay true."""

FIRST = bytes(32)
"""What stands in the place of a digest before a project's first seal."""
_REALS = frozenset({"active_seconds", "confidence"})


def entry(kind: Kind, row: Mapping[str, Any]) -> bytes:
    """The hash of a stored row, 32 bytes; columns that the row does not name are null."""
    found = hashlib.sha256(b"labelmesh entry 1" + bytes([kind]))
    for column in COLUMNS[kind]:
        value = row.get(column)
        # A database may hand a whole real back as an integer.
        found.update(_encoded(float(value) if column in _REALS and value is not None else value))
    return found.digest()


def seal(previous: bytes, number: int, entries: Iterable[tuple[int, str, bytes]]) -> bytes:
    """The digest of a seal over entries of (kind, uid, hash), 32 bytes; `previous` is FIRST for number 1."""
    found = hashlib.sha256(b"labelmesh seal 1" + previous + struct.pack(">Q", number))
    for kind, uid, digest in sorted(entries):
        found.update(_encoded(kind) + _encoded(uid) + _encoded(digest))
    return found.digest()


def _encoded(value: Value) -> bytes:
    match value:
        case None:
            return b"n"
        case float():
            return b"r" + struct.pack(">d", value)
        case int():
            return b"i" + struct.pack(">q", value)
        case str():
            tag, body = b"s", value.encode("utf-8", "surrogatepass")
        case _:
            tag, body = b"b", bytes(value)
    return tag + struct.pack(">Q", len(body)) + body
