"""Ontologies, and replies with token probabilities written by hand."""

import json
from collections.abc import Callable
from math import log
from typing import Any

import pytest

from labels.ontology import Category, Ontology, Tool, ToolKind

RawToken = dict[str, Any]
Spell = Callable[..., list[RawToken]]


def _entry(piece: str | bytes, p: float) -> RawToken:
    data = piece if isinstance(piece, bytes) else piece.encode()
    return {
        "token": data.decode("utf-8", "replace"),
        "bytes": list(data),
        "logprob": log(p) if p > 0 else -9999.0,
    }


@pytest.fixture
def spell() -> Spell:
    """Tokens from (piece, p, {alternative: p}) or bare pieces; the generated token stands among its alternatives."""

    def build(*steps: Any) -> list[RawToken]:
        tokens = []
        for step in steps:
            piece, p, others = step if isinstance(step, tuple) else (step, 1.0, {})
            token = _entry(piece, p)
            top = [_entry(piece, p), *(_entry(other, q) for other, q in others.items())]
            tokens.append({**token, "top_logprobs": top})
        return tokens

    return build


@pytest.fixture
def tool() -> Callable[..., Tool]:
    def build(kind: ToolKind, *names: str, name: str = "topic") -> Tool:
        return Tool(name, kind, tuple(Category(one) for one in names))

    return build


@pytest.fixture
def ontology(tool: Callable[..., Tool]) -> Callable[..., Ontology]:
    def build(kind: ToolKind, *names: str) -> Ontology:
        return Ontology((tool(kind, *names),), revision=1)

    return build


@pytest.fixture
def entities_json() -> Callable[..., str]:
    def build(*pairs: tuple[str, str]) -> str:
        return json.dumps({"entities": [{"text": t, "category": c} for t, c in pairs]}, ensure_ascii=False)

    return build
