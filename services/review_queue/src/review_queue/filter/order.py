"""The order of a list, as AIP-132 writes it: `confidence, create_time desc`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from review_queue.errors import OrderInvalid
from review_queue.filter.fields import FIELDS, Field

MAX_KEYS = 5
_KEY = re.compile(r"\s*(\S+)(?:\s+(\S+))?\s*")
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Key:
    """A field to sort by, lowest first unless `descending`; missing values are lower than all others."""

    field: Field
    descending: bool = False

    @property
    def type(self) -> type[str] | type[int] | type[float]:
        """Of its values in a page's token."""
        match self.field.name:
            case "agreement" | "boost" | "confidence" | "disagreement" | "novelty" | "overlap":
                return float
            case "priority" | "severity" | "weight":
                return float
            case "age_hours" | "answers" | "create_time" | "findings" | "review_time" | "state":
                return int
            case "prompt_revision" | "revision":
                return int
            case _:
                return str


def parse_order(text: str, fields: Mapping[str, Field] = FIELDS) -> tuple[Key, ...]:
    """The keys of an order by these fields, most important first; none for an empty text. Raises OrderInvalid."""
    if not text.strip():
        return ()
    parts = text.split(",", MAX_KEYS)
    if len(parts) > MAX_KEYS:
        raise OrderInvalid(f"An order may have {MAX_KEYS} fields.")
    keys: list[Key] = []
    at = 0
    for part in parts:
        keys.append(_key(fields, part, at, {key.field.name for key in keys}))
        at += len(part) + 1
    return tuple(keys)


def _key(fields: Mapping[str, Field], part: str, at: int, before: set[str]) -> Key:
    found = _KEY.fullmatch(part)
    if found is None:
        what = "a field is missing" if not part.strip() else "a field may be followed by asc or desc alone"
        raise _invalid(at, what)
    name, direction = found.groups()
    field = fields.get(name)
    if field is None or not field.sortable:
        known = ", ".join(known for known, field in fields.items() if field.sortable)
        raise _invalid(at + found.start(1), f"`{name[:_SHOWN]}` is not one of {known}")
    if name in before:
        raise _invalid(at + found.start(1), f"`{name}` stands there twice")
    if direction not in (None, "asc", "desc"):
        raise _invalid(at + found.start(2), "after a field may stand asc or desc")
    return Key(field, direction == "desc")


def _invalid(index: int, why: str) -> OrderInvalid:
    return OrderInvalid(f"The order is not valid at character {index + 1}: {why}.")
