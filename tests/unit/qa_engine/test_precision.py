"""How often a rule is right: counting, and Wilson's interval against known figures."""

import pytest

from labels.label import Annotation, Box, Choice, Finding, Severity
from qa_engine.life.precision import Precision, changed, right


@pytest.mark.parametrize(
    ("yes", "no", "lower", "upper"),
    [
        # None or all of n: z^2 / (n + z^2) and its complement.
        # 81 of 263: R. G. Newcombe, Statistics in Medicine 17, 1998.
        (8, 2, 0.4901625, 0.9433178),
        (0, 10, 0.0, 0.2775328),
        (10, 0, 0.7224672, 1.0),
        (81, 182, 0.2552709, 0.3661904),
    ],
)
def test_intervals_are_wilsons(yes: int, no: int, lower: float, upper: float) -> None:
    one = Precision(yes, no)
    assert (one.lower, one.upper) == pytest.approx((lower, upper), abs=1e-4)
    assert one.lower <= one.estimate <= one.upper


def test_nothing_said_is_nothing_known() -> None:
    assert (Precision().estimate, Precision().lower, Precision().upper) == (0.0, 0.0, 1.0)


def test_an_annotation_changed_by_any_road_counts_as_changed() -> None:
    box, moved = Box(0, 0, 5, 5), Box(1, 0, 5, 5)
    base = [
        Annotation("kept", "t", "c", box),
        Annotation("moved", "t", "d", box),
        Annotation("renamed", "t", "e", Choice()),
        Annotation("deleted", "t", "f", box),
    ]
    # The one that was kept came back under another id.
    final = [
        Annotation("n0", "t", "c", box),
        Annotation("moved", "t", "d", moved),
        Annotation("renamed", "t", "z", Choice()),
    ]
    assert changed(base, final) == ["moved", "renamed", "deleted"]


def test_a_finding_about_the_whole_is_right_where_anything_changed() -> None:
    whole, one = Finding("r", Severity.INFO, "Bad."), Finding("r", Severity.INFO, "Bad.", "a")
    assert right(whole, ["b"], kept=False)
    assert not right(whole, [], kept=True)
    assert right(one, ["a"], kept=False)
    assert not right(one, ["b"], kept=False)
