"""What a YOLO file does not say: key and size of the picture behind each label file, looked up on the disk."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from formats import fields
from formats.errors import RecordBroken

FILE = "sizes.jsonl"


class Sizes:
    """Rows of sizes.jsonl by the label file's name."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def of(self, name: str) -> tuple[str, int, int] | None:
        """Key, width and height in pixels of the picture behind a label file."""
        found = self._db.execute("SELECT key, width, height FROM size WHERE name = ?", (name,)).fetchone()
        return None if found is None else (found[0], found[1], found[2])


@contextmanager
def sizes_in(lines: Iterable[bytes]) -> Iterator[Sizes]:
    """The rows; those that say nothing are passed over, as the pictures can be asked instead."""
    # A database without a name lies in a file of its own that SQLite deletes.
    db = sqlite3.connect("")
    try:
        db.execute("CREATE TABLE size (name TEXT PRIMARY KEY, key TEXT, width INTEGER, height INTEGER)")
        for line in lines:
            try:
                db.execute("INSERT OR IGNORE INTO size VALUES (?, ?, ?, ?)", _row(json.loads(line)))
            except (ValueError, RecordBroken, sqlite3.Error):
                continue
        yield Sizes(db)
    finally:
        db.close()


def _row(row: object) -> tuple[str, str, int, int]:
    size = fields.rows(fields.entry(row, "size"), "The size")
    if len(size) != 2:
        raise RecordBroken("The size is not width and height.")
    name, key = (fields.text(fields.entry(row, part), part) for part in ("labels", "key"))
    return name, key, fields.side(size[0], "The width"), fields.side(size[1], "The height")
