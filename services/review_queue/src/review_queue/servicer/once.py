"""What identifies a request that may come again."""

from typing import Protocol

from google.protobuf.descriptor import Descriptor

from chassis.auth import caller
from review_queue.request import Request, request


class Repeatable(Protocol):
    """A message with a request_id."""

    DESCRIPTOR: Descriptor

    @property
    def request_id(self) -> str:
        """The caller's own id of the request."""

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """The message's bytes."""


def once(message: Repeatable) -> Request:
    """The caller's request; raises RequestIdInvalid."""
    body = message.SerializeToString(deterministic=True)
    return request(caller().actor, message.request_id, message.DESCRIPTOR.full_name, body)
