"""One POST to an address outside: looked up once, connected to what was looked at, bounded in time and size."""

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from chassis.clock import now_us
from qa_engine.webhooks.errors import WebhookUrlRefused
from qa_engine.webhooks.schedule import Outcome, retry_after_s
from qa_engine.webhooks.target import Address, Gate, Target

MAX_EXCERPT = 500
_MAX_READ_BYTES = 4_096
_MAX_ADDRESSES = 8
_LOOKUPS_AT_ONCE = 16
_SECRETS = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|v1a?,[A-Za-z0-9+/=]{16,}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an endpoint may take, seconds: to be looked up and connected to, between two bytes, for everything,
    and for the body of an answer whose status is known."""

    connect: float = 5.0
    read: float = 10.0
    total: float = 15.0
    body: float = 1.0


class Sender:
    """Posts bodies; never follows a redirect, never goes through a proxy, never unpacks an answer."""

    def __init__(
        self, gate: Gate, tls: ssl.SSLContext, lookups: ThreadPoolExecutor, patience: Patience
    ) -> None:
        self._gate = gate
        self._tls = tls
        self._lookups = lookups
        self._patience = patience

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], secrets: Iterable[bytes] = ()
    ) -> Outcome:
        """What came of posting the body; never raises but for cancellation. `secrets` are kept out of the excerpt."""
        try:
            async with asyncio.timeout(self._patience.total):
                return await self._post(url, body, headers, secrets)
        except TimeoutError:
            return Outcome(0, "TIMED_OUT")
        except WebhookUrlRefused:
            return Outcome(0, "ADDRESS_REFUSED")
        except (socket.gaierror, UnicodeError):
            return Outcome(0, "NAME_UNKNOWN")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            return Outcome(0, "TLS_FAILED")
        except aiohttp.ClientConnectorError:
            return Outcome(0, "NOT_CONNECTED")
        except (aiohttp.ClientConnectionError, ConnectionError):
            return Outcome(0, "CONNECTION_LOST")
        except (aiohttp.ClientError, ValueError, OSError):
            return Outcome(0, "ANSWER_UNREADABLE")

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], secrets: Iterable[bytes]
    ) -> Outcome:
        target = self._gate.target(url)
        address = URL(url, encoded=True)
        # Two parsers that disagree about the host would connect to what was not looked at.
        if (address.raw_host or "").lower() != target.host.lower() or address.port != target.port:
            raise WebhookUrlRefused
        resolver = _Pinned(self._gate.admit(target, await self._addresses(target)))
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, force_close=True, ssl=self._tls
        )
        p = self._patience
        timeout = aiohttp.ClientTimeout(total=p.total, sock_connect=p.connect, sock_read=p.read)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
            session.post(
                address,
                data=body,
                headers={"user-agent": "Labelmesh-Webhooks/1", "content-type": "application/json", **headers},
                allow_redirects=False,
            ) as response,
        ):
            excerpt = await self._excerpt(response, secrets)
            wait = retry_after_s(response.headers.get("retry-after", ""), now_us())
            response.close()
            return Outcome(response.status, _fault(response.status), excerpt, wait)

    async def _addresses(self, target: Target) -> list[Address]:
        """What the host stands for, asked once."""
        if target.literal is not None:
            return [target.literal]
        # Threads of their own: a name server that hangs must not hold up what else runs in threads.
        async with asyncio.timeout(self._patience.connect):
            found = await asyncio.get_running_loop().run_in_executor(
                self._lookups, _look_up, target.host, target.port
            )
        return [ip_address(entry[4][0]) for entry in found[:_MAX_ADDRESSES]]

    async def _excerpt(self, response: aiohttp.ClientResponse, secrets: Iterable[bytes]) -> str:
        """The beginning of the answer's body; the rest, however long or slow, is never read."""
        read = b""
        try:
            async with asyncio.timeout(self._patience.body):
                while len(read) < _MAX_READ_BYTES and (some := await response.content.read(_MAX_READ_BYTES)):
                    read += some
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # The status is what counts.
        return excerpt(read[:_MAX_READ_BYTES], secrets)


def excerpt(read: bytes, secrets: Iterable[bytes]) -> str:
    """At most MAX_EXCERPT characters that can be printed, without secrets or signatures."""
    text = read.decode("utf-8", "replace")
    for secret in secrets:
        for form in (base64.b64encode(secret).decode(), secret.hex()):
            text = text.replace(form, "[hidden]")
    text = _SECRETS.sub("[hidden]", text)

    return "".join(c if c.isprintable() else " " for c in text[:MAX_EXCERPT])


def _fault(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return "REDIRECTED" if 300 <= status < 400 else "STATUS_REFUSED"


def _look_up(host: str, port: int) -> Sequence[tuple[object, object, int, str, tuple[str, int]]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]


class _Pinned(AbstractResolver):
    """Answers with the addresses that were looked at, whatever is asked."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All of them; aiohttp tries one after the other."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def sender(
    gate: Gate, ca_file: Path | None = None, patience: Patience | None = None
) -> AsyncIterator[Sender]:
    """A sender; `ca_file` holds PEM authorities to trust beside the machine's own."""
    tls = ssl.create_default_context()
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="webhook-names")
    try:
        yield Sender(gate, tls, lookups, patience or Patience())
    finally:
        lookups.shutdown(wait=False, cancel_futures=True)


def elapsed_ms(started: float) -> int:
    """Milliseconds since a monotonic time."""
    return int((monotonic() - started) * 1000)
