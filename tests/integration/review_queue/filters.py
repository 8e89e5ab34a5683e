"""Random tasks, and random filters with what they mean in plain Python."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from review_queue.priority import HOUR_US, Terms, Weights, priority, rank
from tests.integration.review_queue.said import OPS, Row, Said, compared, matches

NOW = 1_790_000_000_000_000
WEIGHTS = Weights(1.25, 0.7, 0.013, 0.5, 0.25, 2.0)
STATES = ("WAITING", "OPEN", "LEASED", "DONE")
LEVELS = {"NONE": 0.0, "INFO": 0.1, "WARNING": 0.5, "ERROR": 1.0}
AWKWARD = (
    "", "ann", "Ann", "a%b", "a_b", "a*b", "axb", "[x]", "x", "?", "ä", "z", "ß", "\U0001f600", "O'Brien",
    'say "hi"', "back\\slash", "' OR 1=1 --", "AND", "two\nlines", "%", "_", "*", "ab", "aab",
)  # fmt: skip
DECISIONS = ("ACCEPT", "CORRECT", "REJECT", "AUTO_ACCEPT")
YES_NO = ("YES", "NO")
CATEGORIES = ("sport", "Sport", "politics", "100%", "a_b", "O'Brien", "AND", "*")
CONFIDENCES = (None, 0.0, 0.1, 0.3, 0.5, 0.75, 1.0)


def rows(project: str, n: int) -> list[Row]:
    """A project's tasks as people see them at NOW, with the values of every field."""
    random = Random(project)
    return [_row(project, random, i) for i in range(n)]


def _row(project: str, random: Random, i: int) -> Row:
    state = random.choice(STATES)
    reviewed = state == "DONE"
    confidence = random.choice([*CONFIDENCES, random.random()])
    row: Row = {
        "uid": f"{project}{random.randrange(10**9):09}{i:05}",
        "key": f"{random.choice(AWKWARD)}{i % 7}-{i}",
        "state": state,
        "confidence": confidence,
        "severity": random.choice(list(LEVELS.values())),
        "findings": random.choice((0, 0, 1, 2, 7)),
        "create_time": NOW - random.randrange(-HOUR_US, 2_000 * HOUR_US),
        "review_time": NOW - random.randrange(0, HOUR_US) if reviewed else 0,
        "author": random.choice(AWKWARD),
        "run": random.choice(("", "01RUN", "01RUM")),
        "kind": random.choice(("", "PREDICTION", "DEFAULT", "REVIEW")),
        "decision": random.choice(DECISIONS) if reviewed else "",
        "prediction_error": random.choice(("", "", "REPLY_MALFORMED", "TEXT_TOO_LONG")),
        "stored_reviewer": random.choice(AWKWARD),
        "audit": random.choice(YES_NO),
        "sealed": random.choice(YES_NO),
        "boost": random.choice((0.0, 0.0, 0.25, 3.0)),
        "pool": random.choice(("", "experts", "a_b")),
        "answers": random.choice((0, 0, 1, 2)),
        "disagreement": random.choice((0.0, 0.0, 0.25, 1.0)),
        "weight": random.choice((0.0, 0.0, 0.5, 1000.0)),
        "novelty": random.choice((None, 0.0, 0.3, 1.0)),
        "sent_to": random.choice(("", "", "ann", "bob")),
        "category": frozenset(random.sample(CATEGORIES, random.randrange(4))),
    }
    doubt = 1.0 if confidence is None else 1.0 - confidence
    terms = Terms(
        doubt,
        row["severity"],
        row["create_time"],
        row["boost"],
        row["disagreement"],
        row["weight"],
        row["novelty"] or 0.0,
    )
    by_person = state == "LEASED" or (reviewed and row["decision"] != "AUTO_ACCEPT")
    return row | {
        "reviewer": row["stored_reviewer"] if by_person else "",
        "uncertainty": terms.uncertainty,
        "age_hours": terms.age_hours(NOW),
        "priority": priority(terms, WEIGHTS, NOW),
        "rank": rank(terms, WEIGHTS),
    }


def _compare(field: str, op: str, written: str, value: Any) -> Said:
    return Said(f"{field}{' ' if len(written) % 2 else ''}{op} {written}", compared(field, op, value))


_NUMBERS = {
    "confidence": st.one_of(st.sampled_from(CONFIDENCES[1:]), st.floats(-0.5, 1.5)),
    "findings": st.one_of(st.integers(-1, 8).map(float), st.just(1e30)),
    "priority": st.floats(-1, 30),
    "disagreement": st.sampled_from((-1.0, 0.0, 0.25, 0.5, 1.0)),
    "weight": st.sampled_from((0.0, 0.5, 1.0, 1000.0)),
    "novelty": st.sampled_from((0.0, 0.3, 0.5, 1.0)),
    "answers": st.sampled_from((-1.0, 0.0, 1.0, 2.0)),
    "boost": st.sampled_from((-1.0, 0.0, 0.25, 1.0, 3.0)),
    "age_hours": st.floats(-1, 2_100),
}
_numbers = st.sampled_from(sorted(_NUMBERS)).flatmap(
    lambda field: st.builds(
        lambda op, value: _compare(field, op, repr(value), value),
        st.sampled_from(sorted(OPS)),
        _NUMBERS[field],
    )
)


def _written_time(time_us: int, hours: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    shifted = moment + timedelta(hours=hours)
    return f"{shifted:%Y-%m-%dT%H:%M:%S.%f}{'Z' if hours == 0 else f'{hours:+03}:00'}"


_times = st.builds(
    lambda field, op, time_us, hours: _compare(field, op, _written_time(time_us, hours), time_us),
    st.sampled_from(["create_time", "review_time"]),
    st.sampled_from(sorted(OPS)),
    st.integers(NOW - 2_000 * HOUR_US, NOW + HOUR_US),
    st.integers(-11, 13),
)
_levels = st.builds(
    lambda op, level: _compare("severity", op, level, LEVELS[level]),
    st.sampled_from(sorted(OPS)),
    st.sampled_from(sorted(LEVELS)),
)
_NAMES = {
    "state": STATES,
    "decision": DECISIONS,
    "kind": ("PREDICTION", "REVIEW"),
    "audit": YES_NO,
    "sealed": YES_NO,
}
_names = st.sampled_from(sorted(_NAMES)).flatmap(
    lambda field: st.builds(
        lambda op, name: _compare(field, op, name, name),
        st.sampled_from(["=", "!="]),
        st.sampled_from(_NAMES[field]),
    )
)


def _quoted(pieces: list[str], quote: str) -> str:
    """The pieces as a quoted text with wildcards between them."""
    escaped = [re.sub(r"([\\*\"'])", r"\\\1", piece) for piece in pieces]
    return quote + "*".join(escaped) + quote


_TEXTS = ("author", "reviewer", "key", "run", "prediction_error", "uid", "pool", "sent_to")
_word = st.one_of(st.sampled_from(AWKWARD), st.text("ab%_*[]?'\"\\ \n", max_size=3))
_ordered_texts = st.builds(
    lambda field, op, value, quote: _compare(field, op, _quoted([value], quote), value),
    st.sampled_from(_TEXTS),
    st.sampled_from(sorted(OPS)),
    _word,
    st.sampled_from("\"'"),
)
_patterns = st.builds(
    lambda field, op, pieces, quote: Said(
        f"{field} {op} {_quoted(pieces, quote)}", lambda row: matches(pieces, row[field]) is (op == "=")
    ),
    st.sampled_from(_TEXTS),
    st.sampled_from(["=", "!="]),
    st.lists(_word, min_size=2, max_size=4),
    st.sampled_from("\"'"),
)
_categories = st.builds(
    lambda op, pieces: Said(
        f"category{op}{_quoted(pieces, chr(34))}",
        lambda row: any(matches(pieces, name) for name in row["category"]) is (op != "!="),
    ),
    st.sampled_from([":", "=", "!="]),
    st.one_of(st.sampled_from(CATEGORIES).map(lambda name: [name]), st.lists(_word, min_size=1, max_size=3)),
)
_ALWAYS = ("priority", "age_hours", "create_time", "state", "boost", "audit", "sealed")
_present = st.sampled_from(
    [
        *_ALWAYS,
        *_TEXTS,
        "answers",
        "confidence",
        "disagreement",
        "novelty",
        "weight",
        "findings",
        "severity",
        "review_time",
        "decision",
        "kind",
        "category",
    ]
).map(
    lambda field: Said(
        f"{field}:*",
        lambda row: (
            field in _ALWAYS or bool(row[field]) or (field in ("confidence", "novelty") and row[field] == 0.0)
        ),
    )
)
_conditions = st.one_of(_numbers, _times, _levels, _names, _ordered_texts, _patterns, _categories, _present)


def _joined(parts: list[Said], word: str, all_of: Callable[[Any], bool]) -> Said:
    text = word.join(part.text if part.tight else f"({part.text})" for part in parts)
    return Said(text, lambda row: all_of(part.holds(row) for part in parts), tight=False)


def _negated(part: Said, sign: str) -> Said:
    return Said(f"{sign}{part.text if part.tight else f'({part.text})'}", lambda row: not part.holds(row))


def _more(some: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    several = st.lists(some, min_size=2, max_size=4)
    return st.one_of(
        st.builds(lambda parts: _joined(parts, " AND ", all), several),
        st.builds(lambda parts: _joined(parts, " ", all), several),
        st.builds(lambda parts: _joined(parts, " OR ", any), several),
        # OR binds closer than AND: no parentheses are needed here.
        st.builds(
            lambda one, parts: Said(
                f"{one.text} AND {_joined(parts, ' OR ', any).text}",
                lambda row: one.holds(row) and any(part.holds(row) for part in parts),
                tight=False,
            ),
            _conditions,
            st.lists(_conditions, min_size=2, max_size=3),
        ),
        # A negation may be negated again only in parentheses.
        st.builds(
            _negated,
            some.filter(lambda s: not s.text.startswith(("NOT", "-"))),
            st.sampled_from(["NOT ", "-"]),
        ),
    )


filters = st.recursive(_conditions, _more, max_leaves=12)
"""Filters as people could write them."""

SORTABLE: dict[str, Callable[[Row], Any]] = {
    "confidence": lambda row: -1.0 if row["confidence"] is None else row["confidence"],
    "novelty": lambda row: -1.0 if row["novelty"] is None else row["novelty"],
    "priority": lambda row: -row["rank"],
    "age_hours": lambda row: -row["create_time"],
    "state": lambda row: STATES.index(row["state"]),
} | {
    name: (lambda row, name=name: row[name])
    for name in (
        "audit", "author", "boost", "create_time", "decision", "findings", "key", "kind", "pool",
        "prediction_error", "review_time", "reviewer", "run", "sealed", "sent_to", "severity", "uid", "answers",
        "disagreement", "weight",
    )
}  # fmt: skip
orders = st.lists(
    st.tuples(st.sampled_from(sorted(SORTABLE)), st.booleans()), max_size=3, unique_by=lambda key: key[0]
)
"""(field, descending) of an order."""


def sorted_rows(found: list[Row], order: list[tuple[str, bool]]) -> list[Row]:
    """The rows as a list in that order has them; equal ones by uid, in the direction of the last key."""
    keys = order or [("priority", True)]
    uid_down = order[-1][1] if order else False
    if order and order[-1][0] in ("priority", "age_hours"):
        uid_down = not uid_down
    result = sorted(found, key=lambda row: row["uid"], reverse=uid_down)
    for field, down in reversed(keys):
        result = sorted(result, key=SORTABLE[field], reverse=down)
    return result
