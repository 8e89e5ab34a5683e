"""When an endpoint that failed is tried again (pure). Times are microseconds since the Unix epoch, UTC."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from qa_engine.webhooks.webhook import Health

_HOUR = 3600.0
WAITS_SECONDS = (5.0, 30.0, 300.0, 1800.0, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, *([24 * _HOUR] * 3))
"""After the n-th failure of a delivery; together 92.6 hours, after which the next failure is the last."""
MAX_ATTEMPTS = len(WAITS_SECONDS) + 1
JITTER = 0.2
MAX_RETRY_AFTER_SECONDS = 24 * _HOUR
CIRCUIT_FAILURES = 3
_CIRCUIT_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_SECOND_US = 1_000_000
BACKWARDS_US = 60 * _SECOND_US
"""A schedule made this far in the future was made before the clock was set back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: `retry_after_s` is what the endpoint asked for, 0 when nothing."""

    http_status: int
    fault: str
    excerpt: str = ""
    retry_after_s: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the endpoint has it."""
        return not self.fault

    @property
    def gone(self) -> bool:
        """Whether the endpoint says that it never wants anything again."""
        return self.http_status == 410


def next_due_us(tries: int, outcome: Outcome, now_us: int, random_share: float | None = None) -> int | None:
    """When a delivery that failed `tries` times is due again; None when it is given up.

    A wait is lengthened by up to JITTER, so that deliveries that failed together do not come back together, and is
    at least what Retry-After asks for, of which at most a day is believed.
    """
    if tries >= MAX_ATTEMPTS:
        return None
    share = random.random() if random_share is None else random_share  # noqa: S311 - spreads load, guards nothing
    wait = WAITS_SECONDS[tries - 1] * (1 + JITTER * share)
    wait = max(wait, min(outcome.retry_after_s, MAX_RETRY_AFTER_SECONDS))
    return now_us + int(wait * _SECOND_US)


def health_after(health: Health, outcome: Outcome, now_us: int) -> Health:
    """How the endpoint does after one more attempt.

    From the third failure in a row on its circuit is open for 10 seconds to 15 minutes: what waits is left alone and
    loses none of its attempts, and then one delivery tries.
    """
    if outcome.accepted:
        return Health()
    failures = health.failures + 1
    if failures < CIRCUIT_FAILURES and outcome.retry_after_s <= 0:
        return Health(failures)
    step = min(max(failures - CIRCUIT_FAILURES, 0), len(_CIRCUIT_SECONDS) - 1)
    wait = max(_CIRCUIT_SECONDS[step], min(outcome.retry_after_s, MAX_RETRY_AFTER_SECONDS))
    return Health(failures, now_us + int(wait * _SECOND_US))


def retry_after_s(header: str, now_us: int) -> float:
    """Seconds that a Retry-After header asks to wait: 0 to a day; 0 when it says nothing that can be read."""
    header = header.strip()[:100]
    if header.isascii() and header.isdigit():
        return min(float(header), MAX_RETRY_AFTER_SECONDS)
    try:
        until = parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    seconds = (until - datetime.fromtimestamp(now_us / _SECOND_US, UTC)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
