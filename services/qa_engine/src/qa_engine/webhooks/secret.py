"""Secrets of webhooks, made from the service's key whenever they are needed (pure).

A secret is HMAC-SHA256 of the webhook's uid and a random salt, under a key that only the service's settings hold. The
database keeps the salt and which key it was, so whoever reads the database can sign nothing.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa_engine.webhooks.errors import WebhookKeyMissing
from qa_engine.webhooks.webhook import SecretRef

PREFIX = "whsec_"
_MIN_KEY = 16
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the service, the one for new secrets first; each at least 16 characters."""

    keys: Sequence[str] = field(repr=False)

    def __post_init__(self) -> None:
        if any(len(key) < _MIN_KEY for key in self.keys):
            raise ValueError("a key of webhook_keys has fewer than 16 characters")

    def new(self) -> SecretRef:
        """A reference to a secret that was never used; raises WebhookKeyMissing."""
        if not self.keys:
            raise WebhookKeyMissing
        return SecretRef(_key_id(self.keys[0]), os.urandom(_SALT_BYTES).hex())

    def secret(self, webhook_uid: str, ref: SecretRef) -> bytes:
        """The 32 bytes that sign; raises WebhookKeyMissing when the key of that secret was taken away."""
        for key in self.keys:
            if _key_id(key) == ref.key_id:
                return hmac.digest(key.encode(), f"webhook:{webhook_uid}:{ref.salt}".encode(), "sha256")
        raise WebhookKeyMissing

    def shown(self, webhook_uid: str, ref: SecretRef) -> str:
        """The secret as a receiver is given it: `whsec_` and base64."""
        return PREFIX + base64.b64encode(self.secret(webhook_uid, ref)).decode()


def _key_id(key: str) -> str:
    return hashlib.sha256(b"labelmesh webhook key\x00" + key.encode()).hexdigest()[:16]
