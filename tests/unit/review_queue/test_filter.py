"""The language of filters and orders: what is read as what, and one clear sentence for all the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_queue.errors import FilterInvalid, OrderInvalid
from review_queue.filter import (
    FIELDS,
    And,
    Compare,
    Key,
    Not,
    Op,
    Or,
    Pattern,
    Present,
    parse,
    parse_order,
    stored_states,
)
from review_queue.review import TaskState

A = Compare(FIELDS["confidence"], Op.LT, 0.5)
B = Compare(FIELDS["category"], Op.EQ, Pattern(("sport",)))
C = Compare(FIELDS["severity"], Op.GE, 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", And()),
        (" \n ", And()),
        ("confidence < 0.5", A),
        ("confidence<.5", A),
        ('confidence < "0.5"', A),
        ("category:sport", B),
        ("category = 'sport'", B),
        ("category != sport", Not(B)),
        ("NOT confidence < 0.5", Not(A)),
        ("-confidence < 0.5", Not(A)),
        ("NOT (NOT confidence < 0.5)", A),
        ("confidence < 0.5 AND category:sport", And((A, B))),
        ("confidence < 0.5 category:sport", And((A, B))),
        ("confidence < 0.5 OR category:sport severity >= WARNING", And((Or((A, B)), C))),
        ("confidence < 0.5 AND category:sport OR severity >= WARNING", And((A, Or((B, C))))),
        ("(confidence < 0.5 AND category:sport) OR severity >= WARNING", Or((And((A, B)), C))),
        ("reviewer:*", Present(FIELDS["reviewer"])),
        ("key = AND7", Compare(FIELDS["key"], Op.EQ, Pattern(("AND7",)))),
        ("key = img-*.jpg", Compare(FIELDS["key"], Op.EQ, Pattern(("img-", ".jpg")))),
        (r'key = "a\*b\"c\\"', Compare(FIELDS["key"], Op.EQ, Pattern(('a*b"c\\',)))),
        ("create_time > 1970-01-02", Compare(FIELDS["create_time"], Op.GT, 86_400_000_000)),
        ("create_time > 1970-01-01T01:00:00.5+01:00", Compare(FIELDS["create_time"], Op.GT, 500_000)),
        ('create_time > "1969-12-31T23:59:59Z"', Compare(FIELDS["create_time"], Op.GT, -1_000_000)),
    ],
)
def test_a_filter_is_read(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("sport", 6, "comparison|one of"),
        ("colour = red", 1, "no field `colour`"),
        ("label.author = ann", 1, "no field `label.author`"),
        ("confidence <", 13, "ends where a value"),
        ("confidence < ", 14, "ends where a value"),
        ("confidence << 1", 13, "`<` stands where a value"),
        ("confidence < high", 14, "is a number"),
        ("confidence < nan", 14, "is a number"),
        ("confidence < 1e999", 14, "is a number"),
        ("confidence < ٣", 14, "is a number"),
        ("confidence : 0.5", 12, "holds one value"),
        ("state = open", 9, "one of WAITING, OPEN, LEASED, DONE"),
        ("state > OPEN", 7, "has no order"),
        ("category < sport", 10, "has no order"),
        ("create_time > yesterday", 15, "is a time"),
        ("create_time > 2026-02-30", 15, "is a time"),
        ("create_time > 2026-01-01T00:00:00", 15, "is a time"),
        ('key = "img', 7, "has no end"),
        ('key < "a*"', 7, "wildcard"),
        ("key = *a*b*c*d*", 7, "4 wildcards"),
        ("(state = OPEN", 14, "closing parenthesis is needed"),
        ("state = OPEN)", 13, "closes nothing"),
        ("()", 2, "condition"),
        ("AND state = OPEN", 1, "condition"),
        ("state = OPEN AND", 17, "ends where a condition"),
        ("state = OPEN OR AND", 17, "condition"),
        ("NOT NOT state = OPEN", 5, "condition"),
        ("key = OR", 7, "value"),
        ("category:(a OR b)", 10, "value"),
        ("length(key) = 3", 7, "one of"),
        ("state = OPEN; DROP TABLE tasks", 9, "one of WAITING, OPEN"),
        ("findings = 1; DROP TABLE tasks", 12, "is a number"),
        ("state = OPEN and findings = 1", 14, "in capitals"),
        ("not state = OPEN", 1, "in capitals"),
        ("state = OPEN' OR '1'='1", 13, "AND, OR"),
        ("state = OPEN -- AND confidence < 1", 15, "condition"),
        ("key = a,b", 8, "`,` has no meaning"),
        ("key = a\x00b", 8, "NUL"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_its_place(text: str, at: int, word: str) -> None:
    with pytest.raises(FilterInvalid, match=f"^The filter is not valid at character {at}: .*({word})") as e:
        parse(text)
    sentence = str(e.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("key = " + "x" * 4_000, "A filter may have 4,000 characters."),
        (" ".join(["findings = 1"] * 101), "A filter may have 100 conditions."),
        ("findings=1 (" * 20 + "findings=1" + ")" * 20, "A filter may be 20 levels deep."),
    ],
)
def test_a_filter_has_bounds(text: str, sentence: str) -> None:
    with pytest.raises(FilterInvalid) as e:
        parse(text)
    assert str(e.value) == sentence


def test_many_parentheses_and_negations_need_no_deep_stack() -> None:
    assert parse("(" * 1_900 + "confidence < 0.5" + ")" * 1_900) == A
    assert parse("NOT (" * 600 + "confidence < 0.5" + ")" * 600) == A


def _refusal(text: str) -> str | None:
    """Why the filter is refused, None if it is one."""
    try:
        parse(text)
    except FilterInvalid as error:
        return str(error)
    return None


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    assert (_refusal(text) or ".").endswith(".")


_WORDS = ('"', "'", "(", ")", "NOT", "AND", "OR", "key", "=", "<", ":", "*", "-", "\\", "1", " ")


@given(st.lists(st.sampled_from(_WORDS)))
def test_any_string_of_its_own_words_is_a_filter_or_is_refused(words: list[str]) -> None:
    assert "at character" in (_refusal("".join(words)) or "at character")


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("", "WAITING OPEN DONE"),
        ("confidence < 0.5", "WAITING OPEN DONE"),
        ("state = DONE", "DONE"),
        ("state = LEASED", "OPEN"),
        ("state != LEASED", "WAITING OPEN DONE"),
        ("state != OPEN", "WAITING OPEN DONE"),
        ("state != DONE AND state != WAITING", "OPEN"),
        ("state = OPEN OR state = DONE", "OPEN DONE"),
        ("state = OPEN AND confidence < 0.5 OR findings > 0", "OPEN"),
        ("state = OPEN AND state = DONE", ""),
        ("NOT (state = OPEN AND confidence < 0.5)", "WAITING OPEN DONE"),
        ("state:*", "WAITING OPEN DONE"),
    ],
)
def test_a_list_walks_only_states_that_the_filter_lets_through(text: str, states: str) -> None:
    assert stored_states(parse(text)) == {TaskState[name] for name in states.split()}


def test_every_field_stands_in_the_document() -> None:
    document = (Path(__file__).parents[3] / "docs" / "queue.md").read_text()
    rows = [line.split("|") for line in document.splitlines() if line.startswith("| `")]
    assert {row[1].strip(" `") for row in rows} == set(FIELDS)
    for _, name, _, compared, _ in rows:
        assert all(word in compared for word in FIELDS[name.strip(" `")].names), name


def test_an_order_is_read() -> None:
    assert parse_order("  ") == ()
    assert parse_order(" confidence ,create_time  desc, key asc") == (
        Key(FIELDS["confidence"]),
        Key(FIELDS["create_time"], True),
        Key(FIELDS["key"]),
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("colour", 1),
        ("confidence, colour", 13),
        ("confidence,,key", 12),
        ("confidence,", 12),
        ("confidence down", 12),
        ("confidence DESC", 12),
        ("key asc desc", 1),
        ("category", 1),
        ("key, confidence, key", 18),
        ("key; DROP TABLE tasks", 1),
    ],
)
def test_a_wrong_order_is_refused_with_its_place(text: str, at: int) -> None:
    with pytest.raises(OrderInvalid, match=f"^The order is not valid at character {at}: .+\\.$"):
        parse_order(text)


def test_an_order_has_at_most_five_fields() -> None:
    with pytest.raises(OrderInvalid, match="5 fields"):
        parse_order("key, author, run, kind, findings, state")
