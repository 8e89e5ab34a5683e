"""Agreement beyond chance, and the quality of annotators."""

import krippendorff
import numpy as np
import pytest

from qa_engine.consensus.agreement import alpha, cohen_kappa, fleiss_kappa, mean
from qa_engine.consensus.quality import qualities, wilson
from qa_engine.consensus.votes import gather


def table(*answers):
    """Votes of one annotator a row; `.` is none."""
    return gather(
        (f"{item:03}", f"a{who}", said)
        for who, row in enumerate(answers)
        for item, said in enumerate(row.split())
        if said != "."
    )


def test_alpha_of_krippendorffs_own_example():
    votes = table(
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    found = alpha(votes)
    assert found.value == pytest.approx(0.743, abs=0.0005)
    # The item that one person alone answered has nothing to agree with.
    assert found.n == 11
    assert found.lower < found.value < found.upper <= 1


@pytest.mark.parametrize("seed", range(8))
def test_alpha_is_that_of_the_library(seed):
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, 4, (5, 30)).astype(float)
    answers[rng.random((5, 30)) < 0.3] = np.nan
    votes = gather(
        (f"{i:03}", f"a{a}", str(int(answers[a, i])))
        for a in range(5)
        for i in range(30)
        if not np.isnan(answers[a, i])
    )
    theirs = krippendorff.alpha(reliability_data=answers, level_of_measurement="nominal")
    assert alpha(votes).value == pytest.approx(theirs)


def test_cohens_kappa_by_hand():
    # 20 and 15 alike of 50: observed 0.7, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    one = ["y"] * 25 + ["n"] * 25
    other = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    found = cohen_kappa(table(" ".join(one), " ".join(other)), "a0", "a1")
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert found.lower < 0.4 < found.upper


def test_cohens_kappa_of_people_who_never_met_is_undefined():
    found = cohen_kappa(table("x y . .", ". . x y"), "a0", "a1")
    assert np.isnan(found.value)
    assert found.n == 0
    assert np.isnan(cohen_kappa(table("x y"), "a0", "nobody").value)


def test_fleiss_kappa_by_hand():
    # Items yyy, yyn, nnn: agreeing pairs 1, 1/3, 1; shares of y 5/9, n 4/9.
    found = fleiss_kappa(table("y y n", "y y n", "y n n"))
    observed, expected = 7 / 9, (25 + 16) / 81
    assert found.value == pytest.approx((observed - expected) / (1 - expected))


@pytest.mark.parametrize("measure", [alpha, fleiss_kappa])
def test_full_agreement_is_one_and_a_single_category_is_undefined(measure):
    assert measure(table("x y x", "x y x")).value == pytest.approx(1)
    assert np.isnan(measure(table("x x", "x x")).value)
    assert np.isnan(measure(gather([])).value)


def test_the_same_votes_make_the_same_interval_and_more_votes_a_narrower_one():
    few = table("x y x y x", "x y y y x")
    many = table("x y x y x " * 20, "x y y y x " * 20)
    assert alpha(few) == alpha(few)
    assert alpha(many).upper - alpha(many).lower < alpha(few).upper - alpha(few).lower


def test_a_mean_has_its_interval():
    found = mean(np.asarray([0.5, 0.7, 0.9, 0.7]))
    assert found.value == pytest.approx(0.7)
    assert 0.5 <= found.lower < 0.7 < found.upper <= 0.9


def test_wilson_by_hand():
    # 8 of 10, z = 1.96: (0.8 + 0.19207) / 1.38415 -+ ...
    lower, upper = wilson(8, 10)
    assert lower == pytest.approx(0.4902, abs=1e-4)
    assert upper == pytest.approx(0.9433, abs=1e-4)
    assert wilson(0, 5)[0] == pytest.approx(0)
    assert wilson(5, 5)[1] == pytest.approx(1)


def test_who_errs_is_seen_without_gold():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 200)

    def said(right):
        return np.where(rng.random(200) < right, truth, rng.integers(0, 3, 200))

    rows = [(str(i), name, str(v)) for name, p in (("good", 0.95), ("fair", 0.8), ("poor", 0.2), ("fine", 0.9))
            for i, v in enumerate(said(p))]  # fmt: skip
    found = {q.annotator: q for q in qualities(gather(rows))}
    assert found["good"].accuracy > found["fair"].accuracy > found["poor"].accuracy
    # 0.2 and a third of the rest by luck.
    assert found["poor"].lower < 0.2 + 0.8 / 3 < found["poor"].upper
    assert found["poor"].confusion.sum() == pytest.approx(200)
