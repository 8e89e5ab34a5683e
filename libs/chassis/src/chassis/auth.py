"""Who calls: bearer tokens of tenants and actors."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from chassis.errors import Unauthenticated

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose data a call may see, and which person or program makes it."""

    tenant: str
    actor: str


LOCAL = Caller("default", "local")
_caller: ContextVar[Caller] = ContextVar("labelmesh_caller")


def caller() -> Caller:
    """Who makes the call that is being served; raises Unauthenticated outside of one."""
    try:
        return _caller.get()
    except LookupError:
        raise Unauthenticated from None


def set_caller(who: Caller) -> None:
    """Say who makes the call that the current task serves."""
    _caller.set(who)


class Tokens:
    """The known tokens by the SHA-256 of each; without a file everybody is the local caller.

    The file holds `{"<sha256 hex of a token>": {"tenant": "acme", "actor": "ci"}}`, so a reader of the
    file cannot call. Only an unauthenticated service on a loopback address has no file (see settings).
    """

    def __init__(self, path: Path | None) -> None:
        self._callers = None if path is None else _read(path)

    def authenticate(self, metadata: Mapping[str, str | bytes]) -> Caller:
        """The caller whose token stands in `authorization: Bearer ...`; raises Unauthenticated."""
        if self._callers is None:
            return _local(metadata.get("labelmesh-actor"))
        header = metadata.get("authorization", "")
        if not isinstance(header, str) or header[:7].lower() != "bearer ":
            raise Unauthenticated
        digest = hashlib.sha256(header[7:].strip().encode()).hexdigest()
        found = self._callers.get(digest)
        if found is None:
            raise Unauthenticated
        return found


def _local(actor: str | bytes | None) -> Caller:
    if not actor:
        return LOCAL
    if not isinstance(actor, str) or not _NAME.fullmatch(actor):
        raise Unauthenticated("The name in labelmesh-actor is not one.")
    return Caller(LOCAL.tenant, actor)


def _read(path: Path) -> dict[str, Caller]:
    try:
        entries = json.loads(path.read_bytes())
        callers = {digest: Caller(entry["tenant"], entry["actor"]) for digest, entry in entries.items()}
    except OSError:
        raise ValueError(f"the tokens file {path} cannot be read") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(
            f'the tokens file {path} must map SHA-256 digests to {{"tenant", "actor"}}'
        ) from None
    for digest, who in callers.items():
        if not _SHA256_HEX.fullmatch(digest) or not _is_name(who.tenant) or not _is_name(who.actor):
            raise ValueError(f"the tokens file {path} has an entry with a bad digest, tenant or actor")
    return callers


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None
