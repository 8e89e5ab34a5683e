"""Pages of lists: sizes, and tokens that only continue the query they came from."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from chassis.errors import PageSizeInvalid, PageTokenInvalid

MAX_PAGE = 1_000
MAX_BYTES = 3 << 20
"""Of what an answer carries; a message may have 4 MiB."""
DEFAULT_PAGE = 100
_DIGEST_BYTES = 8
_MAX_TOKEN = 2_000

T = TypeVar("T")
Cursor = tuple[str | int | float, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: `size` rows behind `after`, the key of the last row before, None at the beginning."""

    query: tuple[str, ...]
    size: int
    after: Cursor | None

    def cut(
        self, rows: Sequence[T], size_of: Callable[[T], int], key_of: Callable[[T], Cursor]
    ) -> tuple[Sequence[T], str]:
        """The rows that one answer can carry, and the token of those behind them.

        `rows` are up to one more than asked for; large ones make a page shorter than that, but never empty.
        """
        n = fitting(map(size_of, rows[: self.size]))
        return rows[:n], self.token(key_of(rows[n - 1])) if len(rows) > n else ""

    def first(self, rows: Sequence[T], key_of: Callable[[T], Cursor]) -> tuple[Sequence[T], str]:
        """The same for rows that are small for sure."""
        return self.cut(rows, lambda _row: 0, key_of)

    def token(self, last: Cursor) -> str:
        """Token of the page behind the row `last`."""
        return base64.urlsafe_b64encode(_digest(self.query) + json.dumps(last).encode()).decode()


def fitting(sizes: Iterable[int]) -> int:
    """How many of the first things, of these sizes in bytes, one answer can carry; at least one if there is one."""
    sums = list(accumulate(sizes))
    return min(len(sums), max(1, sum(total <= MAX_BYTES for total in sums)))


def page(query: tuple[str, ...], size: int, token: str, types: tuple[type, ...]) -> Page:
    """The page that a request asks for; `query` is all that the answer depends on, `types` those of the cursor.

    Raises PageSizeInvalid or PageTokenInvalid.
    """
    if not 0 <= size <= MAX_PAGE:
        raise PageSizeInvalid
    after = _read(query, token, types) if token else None
    return Page(query, size or DEFAULT_PAGE, after)


def _read(query: tuple[str, ...], token: str, types: tuple[type, ...]) -> Cursor:
    if len(token) > _MAX_TOKEN:
        raise PageTokenInvalid
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        cursor = json.loads(raw[_DIGEST_BYTES:])
    except ValueError:
        raise PageTokenInvalid from None
    fits = isinstance(cursor, list) and tuple(map(type, cursor)) == types
    if raw[:_DIGEST_BYTES] != _digest(query) or not fits:
        raise PageTokenInvalid
    return tuple(cursor)


def _digest(query: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\x00".join(query).encode()).digest()[:_DIGEST_BYTES]
