"""What the stub endpoint answers: deterministic text for a schema, with log-probabilities of the real shape.

The same last user message always gets the same answer, so runs can be compared and repeated.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

MARKER = re.compile(r"\[\[([^\[\]]{1,200})\]\]")
CAPITALISED = re.compile(r"\b[A-Z][\w'-]*")
TOKEN = re.compile(r" ?\w{1,6}|[^\w\s]+|\s+")
MAX_ENTITIES = 20
ALTERNATIVES = 5
"""Entries of `top_logprobs` a token carries, the most OpenAI-compatible endpoints give by default here."""
MAX_REMEMBERED = 4096
"""Choices kept as bytes; past it the memory starts anew, so that a long run stays flat."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: its text, the categories it could have named, and how sure it claims to be (0..1)."""

    content: str
    categories: tuple[str, ...]
    certainty: float


def answer(text: str, schema: dict[str, Any] | None, draw: int = 0) -> Answer:
    """What to say about `text`; draws above 0 (`n` > 1) may differ from the first."""
    digest = hashlib.blake2b(text.encode() + bytes((draw & 0xFF,)) * bool(draw), digest_size=8).digest()
    seed = int.from_bytes(digest, "big")
    certainty = 0.5 + (seed >> 32) % 50 / 100
    properties = (schema or {}).get("properties", {})
    if "category" in properties:
        names = tuple(properties["category"].get("enum", ()))
        named = [name for name in MARKER.findall(text) if name in names]
        chosen = named[-1] if named else names[seed % len(names)] if names else ""
        return Answer(_json({"category": chosen}), names, certainty)
    if "categories" in properties:
        names = tuple(properties["categories"].get("items", {}).get("enum", ()))
        named = [name for name in MARKER.findall(text) if name in names]
        drawn = [name for place, name in enumerate(names) if seed >> place & 1] or list(names[:1])
        chosen_set = set(named or drawn)
        return Answer(_json({"categories": [name for name in names if name in chosen_set]}), names, certainty)
    if "entities" in properties:
        return _entities(text, properties["entities"], seed, certainty)
    return Answer("ok", (), certainty)


def _entities(text: str, schema: dict[str, Any], seed: int, certainty: float) -> Answer:
    fields = schema.get("items", {}).get("properties", {})
    names = tuple(fields.get("category", {}).get("enum", ()))
    limit = min(schema.get("maxItems", MAX_ENTITIES), MAX_ENTITIES)
    words = CAPITALISED.findall(text)[:limit] if names else []
    entities = [{"text": word, "category": names[(seed + len(word)) % len(names)]} for word in words]
    return Answer(_json({"entities": entities}), names, certainty)


def malformed(reply: Answer) -> Answer:
    """The same reply with its last quarter missing: never valid JSON, although it claims to be finished."""
    return Answer(reply.content[: max(1, len(reply.content) * 3 // 4)], reply.categories, reply.certainty)


class Choices:
    """Renders choices to JSON bytes and remembers them, because the same few come up again and again."""

    def __init__(self) -> None:
        self._remembered: dict[tuple[Answer, int, int, str], tuple[bytes, int]] = {}

    def render(self, reply: Answer, index: int, top: int, finish_reason: str) -> tuple[bytes, int]:
        """One element of `choices` as bytes, and its tokens; top < 0 leaves log-probabilities out."""
        key = (reply, index, top, finish_reason)
        known = self._remembered.get(key)
        if known is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = _choice(reply, index, top, finish_reason)
        return known


def _choice(reply: Answer, index: int, top: int, finish_reason: str) -> tuple[bytes, int]:
    tokens = TOKEN.findall(reply.content)
    logprobs = {"content": _logprobs(tokens, reply, top), "refusal": None} if top >= 0 else None
    choice = {
        "index": index,
        "message": {"role": "assistant", "content": reply.content, "refusal": None},
        "logprobs": logprobs,
        "finish_reason": finish_reason,
    }
    return _json(choice).encode(), len(tokens)


def _logprobs(tokens: list[str], reply: Answer, top: int) -> list[dict[str, Any]]:
    """Per token: its log-probability and `top` alternatives, best first, the token itself among them.

    The token that starts a category competes with the starts of the other categories; every other
    token is near certain, as under a grammar.
    """
    starts = {name: (TOKEN.findall(name) or [""])[0] for name in reply.categories}
    first_tokens = list(dict.fromkeys(starts.values()))
    entries = []
    for token in tokens:
        rivals = [other for other in first_tokens if other != token] if token in first_tokens else []
        probability = reply.certainty if rivals else 0.999
        others = [*rivals, "\n", " ", "}", "."][: ALTERNATIVES - 1]
        left = 1.0 - probability
        ranked = [(token, probability)]
        for other in others:
            left /= 2
            ranked.append((other, left))
        ranked.sort(key=lambda pair: -pair[1])
        entries.append(
            {**_token(token, probability), "top_logprobs": [_token(*pair) for pair in ranked[: max(0, top)]]}
        )
    return entries


def _token(token: str, probability: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(math.log(probability), 6), "bytes": list(token.encode())}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
