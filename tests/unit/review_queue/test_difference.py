"""How far two labels of one asset differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.label import Annotation, Box, Choice, Span, Value
from review_queue.ranking.difference import disagreement


def choices(*categories: str) -> tuple[Annotation, ...]:
    return tuple(Annotation(f"a{i}", "topic", name, Choice()) for i, name in enumerate(categories))


def placed(*values: Value, category: str = "roof") -> tuple[Annotation, ...]:
    return tuple(Annotation(f"a{i}", "t", category, value) for i, value in enumerate(values))


HERE, NEAR, FAR = Box(10, 10, 100, 100), Box(12, 12, 100, 100), Box(500, 10, 100, 100)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ((), (), 0.0),
        (choices("a"), (), 1.0),
        (choices("a"), choices("a"), 0.0),
        (choices("a"), choices("b"), 1.0),
        # The order and the ids of claims mean nothing: one of two is the same.
        (choices("a", "b"), choices("b", "c"), 0.5),
        (placed(Span(0, 3, "the")), placed(Span(0, 3, "the")), 0.0),
        (placed(Span(0, 3, "the")), placed(Span(0, 4, "the ")), 1.0),
        (placed(Span(0, 3, "the")), placed(Span(0, 3, "the"), category="other"), 1.0),
        # Nobody draws a box twice to the pixel.
        (placed(HERE), placed(NEAR), 0.0),
        (placed(HERE), placed(FAR), 1.0),
        (placed(HERE, FAR), placed(NEAR), pytest.approx(1 / 3)),
        (placed(HERE), placed(NEAR, category="other"), 1.0),
    ],
)
def test_one_minus_f1(one: tuple[Annotation, ...], other: tuple[Annotation, ...], differ: float) -> None:
    assert disagreement(one, other) == differ
    assert disagreement(other, one) == differ


def test_of_many_annotations_the_categories_are_compared() -> None:
    one = placed(*(Box(i * 10, 0, 5, 5) for i in range(30)))
    other = placed(*(Box(i * 10, 400, 5, 5) for i in range(20)))
    assert disagreement(one, other) == pytest.approx(1 - 2 * 20 / 50)


_values: st.SearchStrategy[Value] = st.one_of(
    st.just(Choice()), st.builds(Box, *[st.integers(1, 9).map(float)] * 4)
)
_labels = st.lists(st.tuples(st.sampled_from("ab"), _values), max_size=6).map(
    lambda parts: tuple(Annotation(f"a{i}", "t", c, v) for i, (c, v) in enumerate(parts))
)


@given(_labels, _labels)
def test_it_is_a_share_and_nothing_differs_from_itself(
    one: tuple[Annotation, ...], other: tuple[Annotation, ...]
) -> None:
    assert 0.0 <= disagreement(one, other) <= 1.0
    assert disagreement(one, tuple(reversed(one))) == 0.0
