"""Pages of lists: sizes, and opaque tokens that only continue the query they came from (pure)."""

import base64
import hashlib
import json

from llm_annotator.errors import PageTokenInvalid, RequestInvalid

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
_DIGEST_BYTES = 8
_MAX_TOKEN = 500

Cursor = tuple[int | str, ...]


def page_size(wanted: int) -> int:
    """Rows of a page; 0 means the default. Raises RequestInvalid."""
    if not 0 <= wanted <= MAX_PAGE:
        raise RequestInvalid(f"page_size must be 1 to {MAX_PAGE}, or 0 for {DEFAULT_PAGE}.")
    return wanted or DEFAULT_PAGE


def token(cursor: Cursor, *query: str) -> str:
    """The token of the page behind the row with that key."""
    return base64.urlsafe_b64encode(_digest(query) + json.dumps(cursor).encode()).decode()


def cursor(token: str, types: tuple[type, ...], *query: str) -> Cursor | None:
    """The key of the last row before the page, None for the first page. Raises PageTokenInvalid."""
    if not token:
        return None
    if len(token) > _MAX_TOKEN:
        raise PageTokenInvalid
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        found = json.loads(raw[_DIGEST_BYTES:])
    except ValueError:
        raise PageTokenInvalid from None
    if (
        raw[:_DIGEST_BYTES] != _digest(query)
        or not isinstance(found, list)
        or tuple(map(type, found)) != types
    ):
        raise PageTokenInvalid
    return tuple(found)


def _digest(query: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(query).encode()).digest()[:_DIGEST_BYTES]
