"""HTTP status of a model endpoint -> who has to act (pure)."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from llm_annotator.errors import (
    AnnotatorError,
    KeyRefused,
    LogprobsMissing,
    ModelMissing,
    PromptTooLong,
    QuotaExhausted,
    RequestRefused,
    TransientFault,
)

_TRANSIENT = frozenset({408, 409, 425, 429})
_TOO_LONG = re.compile(
    r"context.?(length|size|window)|maximum context|exceeds? the (available )?context"
    r"|too many tokens|too long|input.*exceed|string_above_max_length"
)
_SCHEMA = re.compile(r"response_format|json_schema|json_object|grammar|schema|structured|guided")
_LOGPROBS = re.compile(r"logprobs")


class SchemaRefused(AnnotatorError):
    """The endpoint does not accept this way of holding the output to a schema."""

    def __init__(self) -> None:
        super().__init__()
        self.otherwise = RequestRefused()


def status_error(status: int, said: str, headers: Mapping[str, str]) -> AnnotatorError:
    """The error for a status of 400 or more; `said` is what the endpoint says in words and codes.

    401 and 403 KeyRefused, 404 ModelMissing, 402 and used-up quotas QuotaExhausted; 408, 409, 425, 429 and
    5xx TransientFault; of the rest those about length PromptTooLong, about log-probabilities LogprobsMissing,
    about the schema SchemaRefused, others RequestRefused.
    """
    said = said.lower()
    if status in (401, 403):
        return KeyRefused()
    if status == 404:
        return ModelMissing()
    if status == 402 or (status == 429 and "insufficient_quota" in said):
        return QuotaExhausted()
    if status in _TRANSIENT or status >= 500:
        return TransientFault(
            f"The model endpoint answered with status {status}.",
            retry_after_seconds(headers, datetime.now(UTC)),
        )
    if status == 413 or _TOO_LONG.search(said):
        return PromptTooLong()
    if _LOGPROBS.search(said):
        return LogprobsMissing()
    return SchemaRefused() if _SCHEMA.search(said) else RequestRefused()


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date).

    None where absent or unreadable.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _until(value, now)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _until(http_date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(http_date)
    except ValueError:
        return math.nan
    # A date without a zone is meant as UTC.
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
