"""What can go wrong with webhooks.

QaError
└── WebhookError
    ├── WebhookUnknown
    ├── DeliveryUnknown
    ├── WebhookInvalid
    ├── WebhookUrlRefused
    ├── WebhookChanged
    ├── WebhooksTooMany
    └── WebhookKeyMissing
"""

from qa_engine.errors import QaError


class WebhookError(QaError):
    """The request about webhooks is not valid."""


class WebhookUnknown(WebhookError):
    """There is no such webhook."""


class DeliveryUnknown(WebhookError):
    """There is no such delivery; the log keeps a delivery for a limited time."""


class WebhookInvalid(WebhookError):
    """The webhook is not valid."""


class WebhookUrlRefused(WebhookError):
    """The address is not one that webhooks may be sent to."""


class WebhookChanged(WebhookError):
    """The webhook was changed meanwhile; look at it again."""


class WebhooksTooMany(WebhookError):
    """A project has at most 50 webhooks."""


class WebhookKeyMissing(WebhookError):
    """The key that secrets of webhooks are made from is not set; see WEBHOOK_KEYS in docs/webhooks.md."""
