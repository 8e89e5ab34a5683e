"""Pages of lists: sizes, and tokens that only continue the query they came from."""

import base64
import hashlib
import json
from dataclasses import dataclass

from review_queue.errors import PageSizeInvalid, PageTokenInvalid

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
_DIGEST_BYTES = 8
_MAX_TOKEN = 2_000

Cursor = tuple[str | int | float, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: `size` rows behind `after`, the key of the last row before, None at the beginning."""

    query: tuple[str, ...]
    size: int
    after: Cursor | None

    def token(self, last: Cursor | None) -> str:
        """Token of the page behind the row `last`; empty for None."""
        if last is None:
            return ""
        return base64.urlsafe_b64encode(_digest(self.query) + json.dumps(last).encode()).decode()


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
        raw = base64.urlsafe_b64decode(token.encode())
        cursor = json.loads(raw[_DIGEST_BYTES:])
    except ValueError:
        raise PageTokenInvalid from None
    fits = isinstance(cursor, list) and tuple(map(type, cursor)) == types
    if raw[:_DIGEST_BYTES] != _digest(query) or not fits:
        raise PageTokenInvalid
    return tuple(cursor)


def _digest(query: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\x00".join(query).encode()).digest()[:_DIGEST_BYTES]
