"""Random labels that stand, and random searches with what they mean in plain Python."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.integration.review_queue.said import OPS, Row, Said, compared, matches

NOW = 1_790_000_000_000_000
DAY = 86_400_000_000
LEVELS = {"NONE": 0.0, "INFO": 0.1, "WARNING": 0.5, "ERROR": 1.0}
PEOPLE = ("ann", "Ann", "bob", "O'Brien", "' OR 1=1 --", "a%b", "a_b", "axb", "ä", "two\nlines")
MODELS = ("qwen", "Qwen", "m*", "m2")
CATEGORIES = ("sport", "Sport", "100%", "a_b", "O'Brien")
RULES = ("too_short", "too*long", "overlap")
SHARES = (None, 0.0, 0.25, 0.5, 0.9, 1.0)


def rows(project: str, n: int) -> list[Row]:
    """A project's current labels as a search sees them at NOW, with the values of every field."""
    random = Random(project)
    return [_row(project, random, i) for i in range(n)]


def _row(project: str, random: Random, i: int) -> Row:
    kind = random.choice(("PREDICTION", "REVIEW", "REVIEW", "DEFAULT"))
    predicted = kind != "DEFAULT" and random.random() < 0.9
    changes = kind == "REVIEW" and predicted
    agreement = random.choice(SHARES[1:]) if changes else None
    decision = {"REVIEW": random.choice(("ACCEPT", "CORRECT"))}.get(
        kind, random.choice(("", "REJECT", "AUTO_ACCEPT"))
    )
    model = random.choice(MODELS) if predicted or kind == "PREDICTION" else ""
    person = random.choice(PEOPLE)
    severity = random.choice((0.0, 0.0, *LEVELS.values()))
    found = random.choice((1, 2, 7)) if severity else 0
    return {
        "uid": f"L{project}{random.randrange(10**9):09}{i:05}",
        "asset": f"A{project}{i:05}",
        "key": f"{random.choice(PEOPLE)}{i % 7}-{i}",
        "kind": kind,
        "author": model if kind == "PREDICTION" else person,
        "source": random.choice(("MODEL", "IMPORT", "PERSON", "RULE", "CONSENSUS")),
        "create_time": NOW - random.randrange(0, 90) * DAY // 3,
        "revision": random.randrange(1, 5),
        "model": model,
        "prompt_revision": random.randrange(1, 4) if model else 0,
        "confidence": random.choice((*SHARES, random.random())) if model else None,
        "run": random.choice(("01RUN", "01RUM")) if model else "",
        "agreement": agreement,
        "overlap": None if agreement is None else min(1.0, agreement + random.choice((0.0, 0.1))),
        "changed": "" if agreement is None else ("YES" if agreement < 1 else "NO"),
        "decision": decision,
        "reviewer": person if decision not in ("", "AUTO_ACCEPT") else "",
        "review_time": NOW - random.randrange(0, 9) * DAY if decision else 0,
        "severity": severity,
        "findings": found,
        "category": frozenset(random.sample(CATEGORIES, random.randrange(3))),
        "rule": frozenset(random.sample(RULES, random.randrange(1, 3))) if found else frozenset(),
    }


_ops = st.sampled_from(sorted(OPS))
_equal = st.sampled_from(["=", "!="])


def _compared(field: str, op: str, written: str, value: Any) -> Said:
    return Said(f"{field} {op} {written}", compared(field, op, value))


def _time(time_us: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us):%Y-%m-%dT%H:%M:%SZ}"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'([\\"*])', r"\\\1", text) + '"'


_numbers = st.one_of(
    st.builds(
        lambda field, op, value: _compared(field, op, repr(value), value),
        st.sampled_from(["agreement", "confidence", "overlap"]),
        _ops,
        st.one_of(st.sampled_from(SHARES[1:]), st.floats(-0.5, 1.5)),
    ),
    st.builds(
        lambda field, op, value: _compared(field, op, str(value), value),
        st.sampled_from(["findings", "prompt_revision", "revision"]),
        _ops,
        st.integers(-1, 8),
    ),
)
_times = st.builds(
    lambda field, op, days: _compared(field, op, _time(NOW - days * DAY), NOW - days * DAY),
    st.sampled_from(["create_time", "review_time"]),
    _ops,
    st.integers(-1, 31),
)
_levels = st.builds(
    lambda op, level: _compared("severity", op, level, LEVELS[level]), _ops, st.sampled_from(sorted(LEVELS))
)
_NAMES = {
    "kind": ("PREDICTION", "REVIEW", "DEFAULT"),
    "decision": ("ACCEPT", "CORRECT", "REJECT", "AUTO_ACCEPT"),
    "source": ("MODEL", "IMPORT", "PERSON", "RULE", "CONSENSUS"),
}
_names = st.one_of(
    st.sampled_from([(field, name) for field, names in _NAMES.items() for name in names]).flatmap(
        lambda pair: st.builds(lambda op: _compared(pair[0], op, pair[1], pair[1]), _equal)
    ),
    st.builds(
        lambda op, value: _compared("changed", op, value, {"true": "YES", "false": "NO"}.get(value, value)),
        _equal,
        st.sampled_from(["true", "false", "YES", "NO"]),
    ),
)
_TEXTS = ("author", "model", "reviewer", "key", "run", "uid", "asset")
_words = st.sampled_from((*PEOPLE, *MODELS, "", "01RUN", "ann3-3", "Anews00007", "a"))
_texts = st.builds(
    lambda field, op, word: _compared(field, op, _quoted(word), word), st.sampled_from(_TEXTS), _ops, _words
)


_patterns = st.builds(
    lambda field, op, pieces: Said(
        f"{field} {op} " + '"' + "*".join(_quoted(piece)[1:-1] for piece in pieces) + '"',
        lambda row: matches(pieces, row[field]) is (op == "="),
    ),
    st.sampled_from(_TEXTS),
    _equal,
    st.lists(st.sampled_from(("a", "n", "", "O'", "-1", "%", "_", "Q")), min_size=2, max_size=4),
)
_sets = st.builds(
    lambda field, op, word: Said(
        f"{field}{op}{_quoted(word)}", lambda row: (word in row[field]) is (op != "!=")
    ),
    st.sampled_from(["category", "rule"]),
    st.sampled_from([":", "=", "!="]),
    st.sampled_from((*CATEGORIES, *RULES, "none")),
)
_ALWAYS = ("revision", "create_time")
_PRESENT = (
    *_TEXTS, *_ALWAYS, "agreement", "overlap", "confidence", "changed", "decision", "findings", "severity", "rule",
    "category", "prompt_revision", "review_time", "kind", "source",
)  # fmt: skip
SHARES_OF = ("agreement", "confidence", "overlap")
_present = st.sampled_from(_PRESENT).map(
    lambda field: Said(
        f"{field}:*", lambda row: row[field] is not None if field in SHARES_OF else bool(row[field])
    )
)
_conditions = st.one_of(_numbers, _times, _levels, _names, _texts, _patterns, _sets, _present)


def _joined(parts: list[Said], word: str, rule: Callable[[Any], bool]) -> Said:
    return Said(
        word.join(f"({part.text})" for part in parts), lambda row: rule(part.holds(row) for part in parts)
    )


def _more(some: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    several = st.lists(some, min_size=2, max_size=4)
    return st.one_of(
        st.builds(lambda parts: _joined(parts, " AND ", all), several),
        st.builds(lambda parts: _joined(parts, " OR ", any), several),
        st.builds(lambda part: Said(f"NOT ({part.text})", lambda row: not part.holds(row)), some),
    )


filters = st.recursive(_conditions, _more, max_leaves=8)
"""Filters as people could write them."""

_LOWEST_FIRST: dict[str, Callable[[Row], Any]] = {
    name: (lambda row, name=name: -1.0 if row[name] is None else row[name]) for name in SHARES_OF
} | {
    name: (lambda row, name=name: row[name])
    for name in (
        "asset", "author", "changed", "create_time", "decision", "findings", "key", "kind", "model", "prompt_revision",
        "review_time", "reviewer", "revision", "run", "severity", "source", "uid",
    )
}  # fmt: skip
SORTABLE = frozenset(_LOWEST_FIRST)
orders = st.lists(
    st.tuples(st.sampled_from(sorted(SORTABLE)), st.booleans()), max_size=3, unique_by=lambda k: k[0]
)
"""(field, descending) of an order."""


def sorted_rows(found: list[Row], order: list[tuple[str, bool]]) -> list[Row]:
    """The rows in that order, without one the newest first; equal ones by uid, in the direction of the last key."""
    keys = order or [("create_time", True)]
    result = sorted(found, key=lambda row: row["uid"], reverse=keys[-1][1])
    for field, down in reversed(keys):
        result = sorted(result, key=_LOWEST_FIRST[field], reverse=down)
    return result
