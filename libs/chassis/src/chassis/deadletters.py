"""Events that could not be handled, kept with the reason."""

from chassis import headers as wire
from chassis.connection import Bus
from chassis.delivery import Delivery
from chassis.errors import BrokerUnavailable
from chassis.log import get_logger
from chassis.metrics import HANDLED
from chassis.publishing import Outgoing
from chassis.subjects import DEADLETTER_PREFIX

SERVICE = "Labelmesh-Service"
SUBJECT = "Labelmesh-Subject"
STREAM = "Labelmesh-Stream"
SEQ = "Labelmesh-Seq"
REASON = "Labelmesh-Reason"
SENTENCE = "Labelmesh-Sentence"
_log = get_logger(__name__)


async def bury(bus: Bus, service: str, stream: str, delivery: Delivery, reason: str, sentence: str) -> None:
    """Store a copy of the message among the dead letters; raises BrokerUnavailable.

    The copy keeps the original headers, so that it can be put back as it was.
    """
    headers = {
        name: value for name, value in (delivery.msg.headers or {}).items() if name.lower() != "nats-msg-id"
    }
    headers |= {
        wire.MSG_ID: f"dead.{service}.{delivery.msg_id}.{delivery.seq}",
        wire.ORIGINAL_MSG_ID: delivery.msg_id,
        SERVICE: service,
        SUBJECT: delivery.msg.subject,
        STREAM: stream,
        SEQ: str(delivery.seq),
        REASON: reason,
        SENTENCE: " ".join(sentence.split())[:500],
    }
    letter = Outgoing(f"{DEADLETTER_PREFIX}.{service}.{delivery.msg.subject}", delivery.msg.data, headers)
    answers = await bus.send([letter])
    if answers[0]:
        bus.forget_streams()
        raise BrokerUnavailable
    HANDLED.labels(delivery.type_name, "dead").inc()
    _log.error(
        "dead letter",
        type=delivery.type_name,
        msg_id=delivery.msg_id,
        stream=stream,
        seq=delivery.seq,
        reason=reason,
    )
