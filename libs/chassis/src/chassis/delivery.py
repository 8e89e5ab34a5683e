"""From a broker message to an event, or to a reason why it cannot be one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg

from chassis import headers as wire
from chassis import tracecontext
from chassis.blobs import Shelf
from chassis.errors import BlobCorrupt, BlobTooLarge, BlobUriRefused
from chassis.event import Event, Poison
from chassis.outbox import MAX_BODY_BYTES
from chassis.subjects import split


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One delivery of one event: `seq` is its place in the stream, `delivered` counts from 1."""

    msg: Msg
    type_name: str
    seq: int
    delivered: int
    msg_id: str
    event: Event[Any] | None = None


def receive(msg: Msg) -> Delivery:
    """What the subject, the reply address and the headers say; the body is not looked at."""
    tokens = msg.reply.split(".")
    # $JS.ACK.stream.consumer.delivered.seq.cseq.time.pending, or with domain and account after $JS.ACK
    first = 4 if len(tokens) == 9 else 6
    headers = msg.headers or {}
    msg_id = headers.get(wire.ORIGINAL_MSG_ID) or headers.get(wire.MSG_ID) or f"seq-{tokens[first + 1]}"
    return Delivery(msg, split(msg.subject)[0], int(tokens[first + 1]), int(tokens[first]), msg_id[:128])


async def decode(delivery: Delivery, types: Mapping[str, type[Message]], shelf: Shelf) -> Delivery:
    """The delivery with its event; raises Poison for one that can never be read."""
    headers = delivery.msg.headers or {}
    try:
        body = await _body(delivery.msg, headers, shelf)
        message = types[delivery.type_name].FromString(body)
        time_us = int(headers.get(wire.TIME_US, "0"))
    except (DecodeError, ValueError, KeyError):
        raise Poison("The body is not a message of its type.") from None
    except (BlobCorrupt, BlobUriRefused, BlobTooLarge) as error:
        raise Poison(str(error)) from None
    event: Event[Any] = Event(
        message,
        split(delivery.msg.subject)[1],
        delivery.msg_id,
        time_us,
        delivery.delivered,
        tracecontext.valid(headers.get(wire.TRACEPARENT)),
    )
    return Delivery(
        delivery.msg, delivery.type_name, delivery.seq, delivery.delivered, delivery.msg_id, event
    )


async def _body(msg: Msg, headers: Mapping[str, str], shelf: Shelf) -> bytes:
    uri = headers.get(wire.BODY_URI)
    if uri is None:
        return msg.data
    return await shelf.get(uri, headers.get(wire.BODY_SHA256, ""), MAX_BODY_BYTES)
