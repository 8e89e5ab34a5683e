"""How unlike a text is to those that people answered."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_queue.ranking.novelty import FILTER_BYTES, SKETCH_HASHES, Seen, sketch

LONG = " ".join(f"word{i}" for i in range(2_000))
texts = st.lists(st.text(max_size=200), max_size=8)


def test_a_text_is_new_until_somebody_answers_it() -> None:
    seen = Seen()
    assert seen.novelty(sketch("the cat sat on the mat")) == 1.0
    seen = seen.plus([sketch("The cat sat on THE mat!")])
    assert seen.novelty(sketch("the cat sat on the mat")) == 0.0
    # cat sat, sat under, under the, the mat: two of the four pairs were there.
    assert seen.novelty(sketch("cat sat under the mat")) == 0.5
    assert seen.novelty(sketch("nothing alike in here")) == 1.0


@pytest.mark.parametrize("text", ["", "  \n", "!?"])
def test_of_a_text_without_words_nothing_is_known(text: str) -> None:
    assert sketch(text) == b""
    assert Seen().novelty(sketch(text)) is None


def test_a_single_word_and_scripts_without_spaces_can_be_compared() -> None:
    seen = Seen().plus([sketch("refund"), sketch("今日は雨が降る")])
    assert seen.novelty(sketch("Refund")) == 0.0
    assert seen.novelty(sketch("今日は雪が降る")) == pytest.approx(2 / 6)


def test_a_sketch_has_a_fixed_size_and_is_a_sample_that_two_texts_share() -> None:
    assert len(sketch(LONG)) == 4 * SKETCH_HASHES
    assert Seen().plus([sketch(LONG)]).novelty(sketch(LONG + " and a few words more")) < 0.1


@given(texts, st.text(max_size=200))
def test_novelty_is_a_share_that_never_grows_by_answers(answered: list[str], text: str) -> None:
    seen, sketched, before = Seen(), sketch(text), 1.0
    for other in answered:
        seen = seen.plus([sketch(other)])
        novelty = seen.novelty(sketched)
        assert novelty is None or 0.0 <= novelty <= before
        before = novelty if novelty is not None else before
    assert seen.plus([sketched]).novelty(sketched) in (0.0, None)


def test_what_is_kept_is_bounded_and_the_oldest_is_forgotten() -> None:
    random, first = Random(7), sketch("the very first text of all")
    seen, turns = Seen().plus([first]), 0
    while turns < 2:
        older = seen.older
        seen = seen.plus([_random_sketch(random) for _ in range(100)])
        turns += seen.older != older
        assert max(len(seen.recent), len(seen.older)) <= FILTER_BYTES
        if turns == 0 or (turns == 1 and seen.older != older):
            assert seen.novelty(first) == 0.0
    assert seen.novelty(first) > 0.5


def test_a_full_filter_takes_few_pairs_for_others() -> None:
    random, seen = Random(8), Seen()
    while not seen.older:
        seen = seen.plus([_random_sketch(random) for _ in range(100)])
    shares = [seen.novelty(_random_sketch(random)) for _ in range(200)]
    assert sum(share or 0.0 for share in shares) / len(shares) > 0.98


def _random_sketch(random: Random) -> bytes:
    return b"".join(sorted(random.randbytes(4) for _ in range(SKETCH_HASHES)))
