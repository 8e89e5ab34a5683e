"""Which addresses webhooks may be sent to (pure).

Whoever can make a webhook can make this service send requests. So only names and addresses of the public internet are
served, unless the operator allows networks by name.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from qa_engine.webhooks.errors import WebhookUrlRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_URL = 2_000
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# Public by their numbers, private by what answers there, or ways to write another address.
_REFUSED: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocols; Oracle's metadata
            "168.63.129.16/32",  # Azure's own metadata
            "192.88.99.0/24",  # relays to IPv6
            "::/96",  # IPv4 in IPv6, long out of use
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "fec0::/10",  # site-local
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """A url that was looked at: `literal` is the address where the host is one, `secure` whether it is https."""

    url: str
    host: str
    port: int
    secure: bool
    literal: Address | None


@dataclass(frozen=True, slots=True)
class Gate:
    """Where webhooks may go: `allowed` networks beside the public internet, with any port and without TLS if wished;
    elsewhere https to one of `ports`."""

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({443, 8443})

    def target(self, url: str) -> Target:
        """The url, if it may be one of a webhook as far as can be told without asking for its address.

        Raises WebhookUrlRefused.
        """
        target = _parse(url)
        # What a name stands for shows when it is sent to; with networks allowed it may be one of those.
        if not self.allowed:
            self._check_public(target)
        if target.literal is not None:
            self.admit(target, [target.literal])
        return target

    def admit(self, target: Target, addresses: Iterable[Address]) -> list[Address]:
        """Those of the name's addresses that may be connected to; raises WebhookUrlRefused when none is."""
        found = [address for address in map(_plain, addresses) if self._admits(target, address)]
        if not found:
            raise WebhookUrlRefused("The address is a private one, or its port is not allowed.")
        return found

    def _admits(self, target: Target, address: Address) -> bool:
        if any(address in network for network in self.allowed):
            return True
        return _is_public(address) and target.secure and target.port in self.ports

    def _check_public(self, target: Target) -> None:
        if not target.secure:
            raise WebhookUrlRefused("Webhooks are sent by https only.")
        if target.port not in self.ports:
            raise WebhookUrlRefused(
                f"Webhooks are sent to port {' or '.join(map(str, sorted(self.ports)))} only."
            )


def gate(allow: str, ports: str) -> Gate:
    """The gate of two settings: networks and ports, both separated by commas; raises ValueError."""
    networks = tuple(ipaddress.ip_network(part.strip()) for part in allow.split(",") if part.strip())
    numbers = frozenset(int(part) for part in ports.split(",") if part.strip())
    if any(not 1 <= number <= 65535 for number in numbers):
        raise ValueError("a port is 1 to 65535")
    return Gate(networks, numbers)


def _parse(url: str) -> Target:
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise WebhookUrlRefused(
            "An address is at most 2,000 characters of ASCII, written as a browser sends it."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookUrlRefused("The address cannot be read.") from None
    if parts.scheme not in ("https", "http"):
        raise WebhookUrlRefused("An address begins with https://.")
    if "@" in parts.netloc:
        raise WebhookUrlRefused("An address of a webhook holds no user and no password.")
    if parts.fragment or url.endswith("#"):
        raise WebhookUrlRefused("An address of a webhook has no fragment.")
    secure = parts.scheme == "https"
    literal, host = _host(parts)
    return Target(url, host, port or (443 if secure else 80), secure, literal)


def _host(parts: SplitResult) -> tuple[Address | None, str]:
    """The host as an address where it is one, and as it is written."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            return ipaddress.IPv6Address(host), host
        except ValueError:
            raise WebhookUrlRefused("The address cannot be read.") from None
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise WebhookUrlRefused("The address has no host that can be asked for.")
    try:
        return ipaddress.IPv4Address(host), host
    except ValueError:
        pass
    # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some programs and names to others: refused as both.
    last = host.rstrip(".").rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0[xX][0-9A-Fa-f]*", last):
        raise WebhookUrlRefused("An address by number is written as four decimal numbers.")
    return None, host


def _plain(address: Address) -> Address:
    """An IPv4 address that is dressed as an IPv6 one, undressed."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    # `is_global` is false for private, loopback, link-local (where metadata is), shared (CGNAT) and unspecified ones.
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _REFUSED)
    )
