"""Bounds against exact fractions, and against what they promise, in seeded simulations."""

import random
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import comb, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_queue.assurance import anytime, binomial
from review_queue.assurance.anytime import Stratum


def exact_cdf(k: int, n: int, p: Fraction) -> Fraction:
    return sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1)), Fraction(0))


@given(st.integers(0, 120), st.integers(1, 120), st.integers(1, 999))
def test_the_distribution_is_the_sum_of_its_terms(k: int, n: int, thousandths: int) -> None:
    p = Fraction(thousandths, 1_000)
    exact = float(exact_cdf(min(k, n), n, p))
    assert isclose(binomial.binomial_cdf(k, n, float(p)), exact, rel_tol=1e-9, abs_tol=1e-13)


@pytest.mark.parametrize(
    ("k", "n", "most"), [(0, 299, 0.0100), (0, 149, 0.0200), (0, 59, 0.0495), (3, 300, 0.0256)]
)
def test_exact_bounds_are_those_that_people_quote(k: int, n: int, most: float) -> None:
    bound = binomial.upper_bound(k, n, 0.05)
    assert round(bound, 4) <= most
    assert round(bound, 3) == round(most, 3)


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.001, 0.05, 0.1]))
def test_an_exact_bound_is_where_the_distribution_has_delta_left(k: int, n: int, delta: float) -> None:
    k = min(k, n)
    upper = binomial.upper_bound(k, n, delta)
    lower = binomial.lower_bound(k, n, delta)
    assert lower <= k / n <= upper
    if k < n:
        assert isclose(binomial.binomial_cdf(k, n, upper), delta, rel_tol=1e-6)
    if k:
        assert isclose(1 - binomial.binomial_cdf(k - 1, n, lower), delta, rel_tol=1e-6)


def test_the_sample_that_proves_a_target_is_the_smallest() -> None:
    assert binomial.items_for(0, 0.01, 0.05) == 299
    for errors in (0, 1, 5):
        n = binomial.items_for(errors, 0.02, 0.05)
        assert binomial.upper_bound(errors, n, 0.05) <= 0.02 < binomial.upper_bound(errors, n - 1, 0.05)


def test_nothing_is_known_of_nothing() -> None:
    assert binomial.interval(0, 0, 0.05) == (0.0, 1.0)
    assert (anytime.lower_bound(0, 0, 0.05), anytime.upper_bound(0, 0, 0.05)) == (0.0, 1.0)
    assert not anytime.exceeds(0, 0, 0.01, 0.05)


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_bound_for_every_look_is_wider_than_one_for_a_single_look(k: int, n: int) -> None:
    k = min(k, n)
    assert anytime.upper_bound(k, n, 0.05) >= binomial.upper_bound(k, n, 0.05) - 1e-9
    assert anytime.lower_bound(k, n, 0.05) <= binomial.lower_bound(k, n, 0.05) + 1e-9


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_evidence_against_larger_shares_grows_with_the_share(k: int, n: int) -> None:
    """So where the bound is crossed once it stays crossed, and halving finds it."""
    k = min(k, n - 1)
    shares = [k / n + (1 - k / n) * i / 200 for i in range(1, 200)]
    values = [anytime.log_evidence_below(k, n, m) for m in shares]
    assert all(b >= a - 1e-9 for a, b in pairwise(values))


@pytest.mark.parametrize("error", [0.01, 0.05, 0.2])
def test_a_bound_holds_for_somebody_who_looks_after_every_item(error: float) -> None:
    """At most delta of the people who never stop looking ever see a bound that is wrong."""
    delta, people, items = 0.05, 600, 1_000
    draw = random.Random(7)

    @cache
    def wrong_at(k: int, n: int) -> tuple[bool, bool]:
        if k >= error * n:
            return False, False
        bet = anytime.log_evidence_below(k, n, error) >= -log(delta)
        return bet, binomial.binomial_cdf(k, n, error) <= delta

    ever, ever_by_single_looks = 0, 0
    for _ in range(people):
        k, bet, single = 0, False, False
        for n in range(1, items + 1):
            k += draw.random() < error
            now = wrong_at(k, n)
            bet, single = bet or now[0], single or now[1]
        ever += bet
        ever_by_single_looks += single
    assert binomial.lower_bound(ever, people, 0.001) <= delta
    # That is what the bound is for: the one for a single look fails those who go on looking.
    assert binomial.lower_bound(ever_by_single_looks, people, 0.001) > delta


def test_the_test_that_people_stop_on_is_the_bound_that_they_are_shown() -> None:
    for k, n in ((0, 50), (3, 300), (10, 200)):
        bound = anytime.upper_bound(k, n, 0.05)
        assert anytime.log_evidence_below(k, n, min(bound + 1e-6, 0.999)) >= -log(0.05) - 1e-3
        assert anytime.log_evidence_below(k, n, bound - 1e-6) < -log(0.05)


def test_strata_count_by_their_size_however_they_were_sampled() -> None:
    few, many = Stratum(100, 5, 50), Stratum(9_900, 0, 50)
    bound = anytime.stratified_upper_bound([few, many], 0.05)
    expected = 0.01 * anytime.upper_bound(5, 50, 0.025) + 0.99 * anytime.upper_bound(0, 50, 0.025)
    assert isclose(bound, expected)
    assert anytime.stratified_upper_bound([Stratum(10, 0, 0)], 0.05) == 1.0
    assert anytime.stratified_upper_bound([Stratum(0, 0, 0)], 0.05) == 0.0
    assert anytime.stratified_upper_bound([few, Stratum(0, 0, 0)], 0.05) == anytime.upper_bound(5, 50, 0.05)


def test_a_stratified_bound_holds_where_rates_differ() -> None:
    draw = random.Random(11)
    errors, sizes, samples = (0.2, 0.01), (1_000, 9_000), (200, 60)
    true = sum(e * s for e, s in zip(errors, sizes, strict=True)) / sum(sizes)
    misses = 0
    for _ in range(400):
        strata = [
            Stratum(size, sum(draw.random() < e for _ in range(n)), n)
            for e, size, n in zip(errors, sizes, samples, strict=True)
        ]
        misses += anytime.stratified_upper_bound(strata, 0.1) < true
    assert misses <= 0.1 * 400
