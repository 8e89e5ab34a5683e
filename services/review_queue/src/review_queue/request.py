"""Requests that may come again: what identifies one."""

import hashlib
from dataclasses import dataclass

from review_queue.errors import RequestIdInvalid

MAX_REQUEST_ID = 64


@dataclass(frozen=True, slots=True)
class Request:
    """A caller's own id for a request, who that is, and the SHA-256 of what was asked."""

    actor: str
    request_id: str
    digest: bytes


def request(actor: str, request_id: str, method: str, body: bytes) -> Request:
    """Raises RequestIdInvalid unless the id is 1 to 64 printable characters."""
    if not 0 < len(request_id) <= MAX_REQUEST_ID or not request_id.isprintable():
        raise RequestIdInvalid
    return Request(actor, request_id, hashlib.sha256(method.encode() + b"\x00" + body).digest())
