"""Page tokens continue the query they came from and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import PageSizeInvalid, PageTokenInvalid
from chassis.pages import MAX_BYTES, page

QUERY = ("tasks", "tenant", "projects/p", "2")
TYPES = (float, str)


@given(st.floats(allow_nan=False), st.text(max_size=30))
def test_round_trip(rank: float, uid: str) -> None:
    token = page(QUERY, 5, "", TYPES).token((rank, uid))
    assert page(QUERY, 5, token, TYPES).after == (rank, uid)


def test_sizes() -> None:
    assert page(QUERY, 0, "", TYPES).size == 100
    assert page(QUERY, 1_000, "", TYPES).size == 1_000
    for size in (-1, 1_001):
        with pytest.raises(PageSizeInvalid):
            page(QUERY, size, "", TYPES)


def test_the_last_page_has_no_token() -> None:
    assert page(QUERY, 5, "", TYPES).cut("abcde", lambda _: 1, lambda row: (0.0, row)) == ("abcde", "")
    assert page(QUERY, 5, "", TYPES).cut("", lambda _: 1, lambda row: (0.0, row)) == ("", "")


def test_large_rows_make_shorter_pages() -> None:
    asked = page(QUERY, 5, "", TYPES)
    rows, token = asked.cut("abcdef", lambda _: MAX_BYTES // 3, lambda row: (0.0, row))
    assert rows == "abc"
    assert page(QUERY, 5, token, TYPES).after == (0.0, "c")
    rows, _ = asked.cut("ab", lambda _: MAX_BYTES + 1, lambda row: (0.0, row))
    assert rows == "a"


def test_a_token_of_another_query_is_refused() -> None:
    token = page(QUERY, 5, "", TYPES).token((1.0, "a"))
    for other in (("tasks", "tenant", "projects/p", "1"), ("tasks", "other", "projects/p", "2")):
        with pytest.raises(PageTokenInvalid):
            page(other, 5, token, TYPES)
    with pytest.raises(PageTokenInvalid):
        page(QUERY, 5, token, (int, str))


@given(st.text(max_size=60))
def test_made_up_tokens_are_refused(token: str) -> None:
    if token:
        with pytest.raises(PageTokenInvalid):
            page(QUERY, 5, token, TYPES)


def test_long_tokens_are_refused() -> None:
    with pytest.raises(PageTokenInvalid):
        page(QUERY, 5, "W" * 1_000_000, TYPES)
