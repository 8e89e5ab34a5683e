"""Records set aside on the disk by their owner, for formats that keep pictures and annotations apart."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

_AT_ONCE = 5_000


class Spool:
    """Owners in the order they came, each with its records; memory stays the same however many there are."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="labelmesh-")
        self._db = sqlite3.connect(Path(self._folder.name) / "spool.db", isolation_level=None)
        self._db.executescript(
            # The file is thrown away after a crash, so nothing needs to survive one.
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;"
            "CREATE TABLE owner (seq INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT);"
            "CREATE TABLE record (seq INTEGER PRIMARY KEY, owner TEXT, number INTEGER, body TEXT);"
            "BEGIN"
        )

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def own(self, name: str, body: Any) -> bool:
        """Keep an owner; False when there is one of that name already."""
        done = self._db.execute(
            "INSERT OR IGNORE INTO owner(name, body) VALUES (?, ?)", (name, json.dumps(body))
        )
        return done.rowcount > 0

    def keep(self, owner: str, number: int, body: Any) -> None:
        """Keep a record under its owner, who may come later; `number` is its place in the file."""
        self._db.execute(
            "INSERT INTO record(owner, number, body) VALUES (?, ?, ?)", (owner, number, json.dumps(body))
        )

    def all(self) -> Iterator[tuple[Any, list[tuple[int, Any]]]]:
        """Owners with their (number, record)s."""
        self._db.execute("COMMIT")
        self._db.execute("CREATE INDEX record_owner ON record(owner, seq)")
        after = 0
        while rows := self._db.execute(
            "SELECT seq, name, body FROM owner WHERE seq > ? ORDER BY seq LIMIT ?", (after, _AT_ONCE)
        ).fetchall():
            for seq, name, body in rows:
                after = seq
                found = self._db.execute(
                    "SELECT number, body FROM record WHERE owner = ? ORDER BY seq", (name,)
                ).fetchall()
                yield json.loads(body), [(number, json.loads(text)) for number, text in found]

    def orphans(self) -> Iterator[int]:
        """Numbers of records whose owner never came."""
        query = "SELECT number FROM record WHERE owner NOT IN (SELECT name FROM owner) ORDER BY seq"
        yield from (number for (number,) in self._db.execute(query))
