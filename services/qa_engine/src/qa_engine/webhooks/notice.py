"""What webhooks are told (pure): a topic and some JSON, of which nothing is an asset's content."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qa_engine.operation import Emit

MAX_BODY_BYTES = 64 << 10
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: `key` is the same whenever the same thing is told again, `data` becomes JSON."""

    topic: str
    key: str
    data: Mapping[str, Any]

    @property
    def event_key(self) -> str:
        """The key as it is stored: 64 characters, whatever its parts are."""
        return hashlib.sha256(f"{self.topic}\x00{self.key}".encode()).hexdigest()

    def body(self, project: str, seq: int, time_us: int) -> str:
        """The JSON that is posted. Data that would make it larger than 64 KiB is left out, which it then says."""
        envelope = {
            "type": self.topic,
            "timestamp": datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds"),
            "sequence": seq,
            "project": project,
        }
        text = json.dumps({**envelope, "data": _plain(self.data)})
        if len(text) > MAX_BODY_BYTES:
            text = json.dumps({**envelope, "data": {"truncated": True}})
        return text


def emitted(key: str, label: str, asset: str, asked: Sequence[tuple[str, Emit]]) -> list[Notice]:
    """What rules ask to be told about one label, each with the id of its rule; texts are cut to 500 characters.

    `key` names the evaluation, `label` and `asset` are resource names.
    """
    return [
        Notice(
            f"rule.{emit.topic}",
            f"{key}:{place}",
            {
                "rule": rule,
                "label": label,
                "asset": asset,
                "fields": {n[:_MAX_TEXT]: _cut(v) for n, v in list(emit.fields.items())[:50]},
            },
        )
        for place, (rule, emit) in enumerate(asked)
    ]


def _cut(value: str | float | bool) -> str | float | bool:
    return value[:_MAX_TEXT] if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """A value that JSON knows: a number that is not finite is null."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
