"""Page tokens open only the query they came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_engine import pages
from qa_engine.errors import InvalidPageToken, PageSizeInvalid


@given(st.integers(0, (1 << 63) - 1), st.text(max_size=30), st.text(max_size=30))
def test_tokens_come_back(seq: int, project: str, rule: str) -> None:
    assert pages.seq(pages.token(seq, project, rule), project, rule) == seq


def test_the_first_page_has_no_token() -> None:
    assert pages.seq("", "p", "r") is None


@pytest.mark.parametrize(
    "token",
    [
        pages.token(7, "p", "other"),
        pages.token(7, "q", "r"),
        pages.token(7, "p"),
        "x",
        "é",
        "A" * 27,
        "A" * 5_000,
        "====",
        "\0",
    ],
)
def test_foreign_and_broken_tokens_are_refused(token: str) -> None:
    with pytest.raises(InvalidPageToken):
        pages.seq(token, "p", "r")


@given(st.text(max_size=40))
def test_any_text_is_refused_or_the_first_page(token: str) -> None:
    if token:
        with pytest.raises(InvalidPageToken):
            pages.seq(token, "p", "r")


def test_sizes() -> None:
    assert [pages.size(n) for n in (0, 1, 1_000)] == [100, 1, 1_000]
    for wanted in (-1, 1_001):
        with pytest.raises(PageSizeInvalid):
            pages.size(wanted)
