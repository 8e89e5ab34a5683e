"""Headers of an event on the wire."""

MSG_ID = "Nats-Msg-Id"
#: The id under which consumers know the event, where a redelivery needed a new Nats-Msg-Id.
ORIGINAL_MSG_ID = "Labelmesh-Msg-Id"
TIME_US = "Labelmesh-Time-Us"
TRACEPARENT = "traceparent"
BODY_URI = "Labelmesh-Body-Uri"
BODY_SHA256 = "Labelmesh-Body-Sha256"
BODY_BYTES = "Labelmesh-Body-Bytes"


def event_headers(msg_id: str, time_us: int, traceparent: str) -> dict[str, str]:
    """Headers of a fresh event."""
    headers = {MSG_ID: msg_id, TIME_US: str(time_us)}
    if traceparent:
        headers[TRACEPARENT] = traceparent
    return headers
