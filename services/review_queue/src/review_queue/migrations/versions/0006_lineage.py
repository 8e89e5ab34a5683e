"""Chained hashes of assets, labels and reviews."""

import hashlib
import struct
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_PART = 1_000
_COLUMNS = {
    (1, "assets"): "uid project_uid seq key body",
    (2, "labels"): "uid project_uid asset_uid revision kind run_uid body",
    (
        3,
        "reviews",
    ): "uid project_uid asset_uid base_label_uid label_uid reviewer decision reason ops active_seconds"
    " create_time_us run_uid confidence unchanged true_positives false_positives false_negatives",
}


def upgrade() -> None:
    """Create the chain and enter what is there."""
    op.create_table(
        "chain",
        sa.Column("kind", sa.SmallInteger, primary_key=True),
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("project_uid", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seals",
        sa.Column("project_uid", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    for (kind, table), columns in _COLUMNS.items():
        _enter(kind, table, columns.split())
    op.create_index("chain_by_seal", "chain", ["project_uid", "seal", "kind", "uid"])


def _enter(kind: int, table: str, columns: list[str]) -> None:
    connection = op.get_bind()
    page = sa.text(f"SELECT {', '.join(columns)} FROM {table} WHERE uid > :after ORDER BY uid LIMIT {_PART}")  # noqa: S608
    insert = sa.text(
        "INSERT INTO chain (kind, uid, project_uid, hash, seal) VALUES (:kind, :uid, :project, :hash, 0)"
    )
    after = ""
    while rows := connection.execute(page, {"after": after}).all():
        entries = [
            {"kind": kind, "uid": row.uid, "project": row.project_uid, "hash": _hash(kind, columns, row)}
            for row in rows
        ]
        connection.execute(insert, entries)
        after = rows[-1].uid


def _hash(kind: int, columns: list[str], row: Any) -> bytes:
    """What `review_queue.lineage.digest.entry` makes of the row, as it was when this was written."""
    found = hashlib.sha256(b"labelmesh entry 1" + bytes([kind]))
    for column, value in zip(columns, row, strict=True):
        real = column in ("active_seconds", "confidence") and value is not None
        found.update(_encoded(float(value) if real else value))
    return found.digest()


def _encoded(value: Any) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, float):
        return b"r" + struct.pack(">d", value)
    if isinstance(value, int):
        return b"i" + struct.pack(">q", value)
    tag, body = (
        (b"s", value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else (b"b", bytes(value))
    )
    return tag + struct.pack(">Q", len(body)) + body
