"""Page tokens: opaque, and good only for the query that they came from."""

import base64
import binascii
import hashlib

from qa_engine.errors import InvalidPageToken, PageSizeInvalid

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
_MARK_BYTES = 12
_SEQ_BYTES = 8
_MAX_TOKEN = 64


def size(wanted: int) -> int:
    """Entries of a page; 0 means the default. Raises PageSizeInvalid."""
    if not 0 <= wanted <= MAX_PAGE:
        raise PageSizeInvalid
    return wanted or DEFAULT_PAGE


def token(seq: int, *query: str) -> str:
    """The token of the page below `seq`."""
    return base64.urlsafe_b64encode(_mark(query) + seq.to_bytes(_SEQ_BYTES)).decode()


def seq(token: str, *query: str) -> int | None:
    """Where the page begins, None for the first one. Raises InvalidPageToken."""
    if not token:
        return None
    if len(token) > _MAX_TOKEN:
        raise InvalidPageToken
    try:
        data = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPageToken from None
    if len(data) != _MARK_BYTES + _SEQ_BYTES or data[:_MARK_BYTES] != _mark(query):
        raise InvalidPageToken
    return int.from_bytes(data[_MARK_BYTES:])


def _mark(query: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(query).encode()).digest()[:_MARK_BYTES]
