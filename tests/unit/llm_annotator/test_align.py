import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_annotator.align import align
from llm_annotator.errors import TooManyAnnotations


def spans(text, *mentions):
    alignment = align(text, mentions, 100)
    assert all(text[one.span.start : one.span.end] == one.span.text for one in alignment.placed)
    return [(one.span.start, one.span.end, one.category) for one in alignment.placed], alignment.unplaced


def test_both_new_yorks_are_found():
    text = "New York is not in New York State, says Newton."
    placed, unplaced = spans(text, ("New York", "LOC"), ("New York", "LOC"))
    assert placed == [(0, 8, "LOC"), (19, 27, "LOC")]
    assert unplaced == ()


def test_a_string_given_once_labels_its_other_occurrences_at_word_boundaries():
    placed, _ = spans("Ann met Ann, and Annika too.", ("Ann", "PER"))
    assert placed == [(0, 3, "PER"), (8, 11, "PER")]


def test_a_string_with_two_categories_is_given_in_order_and_not_spread():
    placed, _ = spans("Paris met Paris in Paris.", ("Paris", "PER"), ("Paris", "LOC"))
    assert placed == [(0, 5, "PER"), (10, 15, "LOC")]


def test_longest_first_leaves_the_rest_to_the_shorter():
    placed, unplaced = spans("York is older than New York.", ("York", "LOC"), ("New York", "LOC"))
    assert placed == [(0, 4, "LOC"), (19, 27, "LOC")]
    assert unplaced == ()


def test_more_mentions_than_occurrences_leave_some_unplaced():
    placed, unplaced = spans("Ann sings.", ("Ann", "PER"), ("Ann", "PER"), ("Bob", "PER"))
    assert placed == [(0, 3, "PER")]
    assert unplaced == (1, 2)


@pytest.mark.parametrize(
    ("text", "mention", "found"),
    [
        ("visited NEW   york today", "New York", "NEW   york"),
        ("the caf\u00e9 opened", "cafe\u0301", "caf\u00e9"),
        ("the cafe\u0301 opened", "caf\u00e9", "cafe\u0301"),
        ("\ufb01rst Bank", "first bank", "\ufb01rst Bank"),
        ("the O\u2019Neill Group\u2014here", "O'Neill Group", "O\u2019Neill Group"),
        ("Jean\u2011Luc came", "Jean-Luc", "Jean\u2011Luc"),
        ("Acme\u00a0Corp.", "Acme Corp", "Acme\u00a0Corp"),
        ("line\nbreak Inc", "line break Inc", "line\nbreak Inc"),
        ("Stra\u00dfe 5", "STRASSE", "Stra\u00dfe"),
        ("\uff21\uff22\uff23 Ltd", "ABC Ltd", "\uff21\uff22\uff23 Ltd"),
        ("soft\u00adhyphen", "softhyphen", "soft\u00adhyphen"),
        ("\u6771\u4eac\u90fd\u306b\u4f4f\u3080", "\u6771\u4eac", "\u6771\u4eac"),
        ("\uc11c\uc6b8\uc740 \ud06c\ub2e4", "\uc11c\uc6b8", "\uc11c\uc6b8"),
        ("a\U0001f600b \U0001f600 Bob", "Bob", "Bob"),
        ("  padded Name  ", " Name ", "Name"),
    ],
)
def test_drift_is_followed_back_to_the_original(text, mention, found):
    alignment = align(text, [(mention, "X")], 100)
    assert [one.span.text for one in alignment.placed] == [found]


def test_two_spellings_of_one_string_share_its_occurrences():
    placed, unplaced = spans("Paris and Paris", ("PARIS", "LOC"), ("Paris", "LOC"))
    assert [one[:2] for one in placed] == [(0, 5), (10, 15)]
    assert unplaced == ()


def test_exact_spelling_comes_before_folded():
    placed, _ = spans("give us the US", ("US", "LOC"))
    assert placed == [(12, 14, "LOC")]


def test_a_match_does_not_cut_a_combined_character():
    assert spans("cafe\u0301", ("cafe", "X")) == ([(0, 4, "X")], ())  # occurs as it is
    assert spans("CAFE\u0301", ("cafe", "X")) == ([], (0,))


@pytest.mark.parametrize("mention", ["", "  ", "\u200b", "\ud800", "\x00"])
def test_nothing_to_look_for_is_unplaced(mention):
    assert spans("some text", (mention, "X")) == ([], (0,))


def test_too_many_spans_are_refused():
    with pytest.raises(TooManyAnnotations):
        align("a " * 200, [("a", "X")], 100)


PIECES = st.sampled_from(
    ["Ann", "ann", "ANN", "a", "n", "é", "e\u0301", "\u0301", " ", "  ", "\n", "-", "\u2011", "’", "'", "ß", "ss",
     "東", "京", "\U0001f600", "\u200b", "\ufb01", "fi", "İ", "ǅ", "한", "\u1112\u1161\u11ab", "_", "\u00a0", "½"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=40)


@settings(max_examples=1500, deadline=None)
@given(TEXTS, st.lists(st.tuples(TEXTS, st.sampled_from("XY")), max_size=8))
def test_every_span_is_exact_and_apart_and_every_mention_is_accounted_for(text, mentions):
    alignment = align(text, mentions, 10_000)
    end = 0
    for one in alignment.placed:
        assert text[one.span.start : one.span.end] == one.span.text != ""
        assert one.span.start >= end
        assert one.category == mentions[one.mention][1]
        end = one.span.end
    assert {one.mention for one in alignment.placed} | set(alignment.unplaced) == set(range(len(mentions)))
    assert not {one.mention for one in alignment.placed} & set(alignment.unplaced)


@settings(max_examples=500, deadline=None)
@given(st.data(), st.text(min_size=1, max_size=40))
def test_whatever_stands_in_the_text_is_found(data, text):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    mention = text[start:end]
    alignment = align(text, [(mention, "X")], 10_000)
    if mention.strip():
        assert alignment.unplaced == ()


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
    st.text(st.characters(categories=["Ll", "Lu", "Mn"]), max_size=12),
)
def test_normal_forms_meet(form, word):
    text = f"say {word} now"
    drifted = unicodedata.normalize(form, word)
    if drifted.strip() and unicodedata.category(word[0]) != "Mn":
        assert align(text, [(drifted, "X")], 100).unplaced == ()
