"""Where the services listen, and how the way there is secured."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc import aio

from labelmesh.client.errors import LabelmeshError

MAX_MESSAGE_BYTES = 4 << 20

# A service that was killed is back within seconds: try again soon rather than after gRPC's default of up to
# two minutes. What gRPC calls the least backoff is how long one attempt to connect may take: TLS to another continent
# is several trips there and back.
_CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the services as `host:port`; the defaults are those of `labelmesh up`.

    An empty `sam_segmenter` makes a client that cannot segment pictures.
    """

    review_queue: str = "127.0.0.1:7401"
    llm_annotator: str = "127.0.0.1:7402"
    qa_engine: str = "127.0.0.1:7403"
    sam_segmenter: str = "127.0.0.1:7404"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings; files in PEM. Without `ca_file` the machine's own authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def open_channel(address: str, tls: Tls | None) -> aio.Channel:
    """A channel to one service; nothing is sent before the first call."""
    if tls is None:
        return aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca_file),
        private_key=_read(tls.key_file),
        certificate_chain=_read(tls.cert_file),
    )
    return aio.secure_channel(address, credentials, options=_CHANNEL_OPTIONS)


def check_token_is_safe(endpoints: Endpoints, tls: Tls | None) -> None:
    """Raise when a token would cross the network unencrypted."""
    if tls is not None:
        return
    for address in (
        endpoints.review_queue,
        endpoints.llm_annotator,
        endpoints.qa_engine,
        endpoints.sam_segmenter,
    ):
        if address and not _is_loopback(address):
            raise LabelmeshError(
                "FAILED_PRECONDITION",
                f"A token is sent to {address} only over TLS; give `tls`, or allow plain text explicitly.",
                reason="PLAINTEXT_TOKEN",
            )


def _is_loopback(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
