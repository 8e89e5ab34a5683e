"""category_drift: what it lets pass and what it flags."""

import math

import pytest

from labels.label import Annotation, Choice, Severity
from qa_engine.history import History, Share
from qa_engine.rules.category_drift import more_often

SPORT = Annotation("a0", "topic", "sport", Choice())


def shares(sport: tuple[int, int], politics: tuple[int, int]) -> History:
    return History(shares={("topic", "sport"): Share(*sport), ("topic", "politics"): Share(*politics)})


NOOP = {
    "no history": History(),
    "as before": shares((500, 250), (500, 250)),
    "a little more": shares((500, 270), (500, 230)),
    "less than before": shares((900, 50), (100, 450)),
    "too few recent": shares((10, 150), (990, 40)),
    "too few earlier": shares((0, 400), (199, 100)),
    "certain, but not half as much again": shares((40_000, 560), (60_000, 440)),
    "one category only": History(shares={("topic", "sport"): Share(500, 500)}),
}


@pytest.mark.parametrize("history", NOOP.values(), ids=NOOP.keys())
def test_lets_pass(ask, history: History) -> None:
    assert ask("category_drift", SPORT, history=history) == []


def test_flags_a_category_that_became_frequent(ask) -> None:
    twice = Annotation("a1", "topic", "sport", Choice())
    (finding,) = ask("category_drift", SPORT, twice, history=shares((100, 200), (900, 300)))
    assert (finding.severity, finding.annotation_id) == (Severity.INFO, "a0")
    assert finding.message == '"sport" is 40.0% of the last 500 annotations of its tool, 10.0% before.'


def test_flags_a_category_that_is_new(ask) -> None:
    (finding,) = ask("category_drift", SPORT, history=shares((0, 50), (1_000, 450)))
    assert finding.message.endswith("0.0% before.")


def test_the_test_is_the_two_proportion_z_test() -> None:
    # 40 of 200 against 30 of 300: pooled 0.14, z = 0.1 / sqrt(0.14 * 0.86 * (1/200 + 1/300)) = 3.157.
    z = 0.1 / math.sqrt(0.14 * 0.86 * (1 / 200 + 1 / 300))
    assert more_often(30, 300, 40, 200) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=1e-12)
    assert more_often(30, 300, 20, 200) == pytest.approx(0.5)
    assert more_often(0, 300, 0, 200) == 1.0
