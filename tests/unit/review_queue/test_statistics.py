"""Statistics against textbook values, and against slow definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_queue.statistics import Tally, auroc, brier, f1, reliability, reliability_bins, wilson

outcomes = st.lists(
    st.tuples(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.5, 1.0])), st.booleans()), max_size=40
)


def tallies(sample: list[tuple[float, bool]]) -> list[Tally]:
    return [Tally(confidence, 1, int(right)) for confidence, right in sample]


def test_wilson_of_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    rate = wilson(81, 263)
    assert (rate.k, rate.n) == (81, 263)
    assert rate.lower == pytest.approx(0.2553, abs=5e-5)
    assert rate.upper == pytest.approx(0.3662, abs=5e-5)


def test_wilson_of_nothing_and_of_extremes() -> None:
    assert (wilson(0, 0).value, wilson(0, 0).upper) == (0.0, 0.0)
    assert wilson(0, 20).lower == pytest.approx(0.0, abs=1e-12)
    assert wilson(0, 20).upper == pytest.approx(0.1611, abs=5e-5)
    assert wilson(20, 20).upper == pytest.approx(1.0, abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share(kn: tuple[int, int]) -> None:
    rate = wilson(*kn)
    assert 0 <= rate.lower <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.upper <= 1


def test_bins_hold_their_lower_edge_and_one() -> None:
    sample = [Tally(0.0, 1, 0), Tally(0.1, 1, 1), Tally(0.95, 2, 1), Tally(1.0, 1, 1)]
    bins = reliability_bins(sample)
    assert [(b.lower, b.upper, b.correct.n) for b in bins] == [(0.0, 0.1, 1), (0.1, 0.2, 1), (0.9, 1.0, 3)]
    assert bins[2].mean_confidence == pytest.approx((0.95 * 2 + 1.0) / 3)


def test_ece_by_hand() -> None:
    # Ten at 0.9 of which six are right, ten at 0.25 of which none is: (0.3 * 10 + 0.25 * 10) / 20.
    assert reliability([Tally(0.9, 10, 6), Tally(0.25, 10, 0)]).ece == pytest.approx(0.275)


def test_nothing_reviewed() -> None:
    empty = reliability([])
    assert (empty.bins, empty.ece, empty.brier, empty.auroc) == ((), 0.0, 0.0, None)


@given(outcomes)
def test_brier_is_the_mean_squared_difference(sample: list[tuple[float, bool]]) -> None:
    expected = sum((c - y) ** 2 for c, y in sample) / len(sample) if sample else 0.0
    assert brier(tallies(sample)) == pytest.approx(expected)


@given(outcomes)
def test_auroc_is_the_share_of_pairs_in_order(sample: list[tuple[float, bool]]) -> None:
    pairs = [(r, w) for r, right in sample if right for w, other in sample if not other]
    wins = sum(1.0 if r > w else 0.5 if r == w else 0.0 for r, w in pairs)
    assert auroc(tallies(sample)) == (pytest.approx(wins / len(pairs)) if pairs else None)


def test_f1() -> None:
    assert f1(8, 2, 4) == pytest.approx(8 / 11)
    assert f1(0, 0, 0) is None
