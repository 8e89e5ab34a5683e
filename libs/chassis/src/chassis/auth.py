"""Who calls: a bearer token's tenant and actor, or the local user where only loopback can call."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from chassis.errors import SettingsRefused, Unauthenticated

ACTOR_HEADER = "labelmesh-actor"
_ACTOR = re.compile(r"[\x20-\x7e]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant, and who acts in it."""

    tenant: str
    actor: str


LOCAL = Caller("default", "local")
_caller: ContextVar[Caller] = ContextVar("labelmesh_caller", default=LOCAL)


def caller() -> Caller:
    """Who made the call being served."""
    return _caller.get()


def set_caller(value: Caller) -> None:
    """Remember who makes the call being served; the interceptor's business."""
    _caller.set(value)


class Authenticator:
    """Knows the callers of a tokens file; without one every caller is the local user, who may name themself."""

    def __init__(self, tokens: Mapping[str, Caller] | None) -> None:
        self._tokens = tokens

    @classmethod
    def from_file(cls, path: Path | None) -> "Authenticator":
        """Read `{"<sha256 of a token>": {"tenant": ..., "actor": ...}}`; raises SettingsRefused."""
        if path is None:
            return cls(None)
        try:
            rows = json.loads(path.read_text())
            tokens = {digest: Caller(row["tenant"], row["actor"]) for digest, row in rows.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise SettingsRefused("tokens_file cannot be read as JSON of token hashes.") from None
        if not tokens or not all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in tokens):
            raise SettingsRefused("tokens_file must name each token by its SHA-256 in hexadecimal digits.")
        return cls(tokens)

    def identify(self, metadata: Sequence[tuple[str, str | bytes]]) -> Caller:
        """The caller of a request's metadata; raises Unauthenticated."""
        headers = {key: value for key, value in metadata if isinstance(value, str)}
        if self._tokens is None:
            actor = headers.get(ACTOR_HEADER, "")
            return Caller(LOCAL.tenant, actor) if _ACTOR.match(actor) else LOCAL
        scheme, _, token = headers.get("authorization", "").partition(" ")
        found = self._tokens.get(hashlib.sha256(token.encode()).hexdigest()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Unauthenticated
        return found
