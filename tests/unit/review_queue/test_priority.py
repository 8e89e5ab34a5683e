"""The declared formula, and the stored rank that must order tasks exactly as it does."""

from hypothesis import given
from hypothesis import strategies as st

from review_queue.priority import HOUR_US, Terms, Weights, priority, rank, terms_of, total

NOW = 1_790_000_000_000_000

weights = st.builds(
    Weights,
    uncertainty=st.floats(0, 1_000),
    findings=st.floats(0, 1_000),
    age_per_hour=st.floats(0, 1_000),
    disagreement=st.floats(0, 1_000),
    business=st.floats(0, 1_000),
    novelty=st.floats(0, 1_000),
)
terms = st.builds(
    Terms,
    uncertainty=st.floats(0, 1),
    severity=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    create_time_us=st.integers(NOW - 10_000 * HOUR_US, NOW),
    boost=st.floats(0, 1_000),
    disagreement=st.floats(0, 1),
    business=st.floats(0, 1_000),
    novelty=st.floats(0, 1),
)


def test_formula() -> None:
    task = Terms(uncertainty=0.4, severity=0.5, create_time_us=NOW - 3 * HOUR_US)
    assert priority(task, Weights(2.0, 3.0, 0.01), NOW) == 2.0 * 0.4 + 3.0 * 0.5 + 0.01 * 3


@given(terms, weights)
def test_the_terms_add_up_to_the_priority_and_each_names_its_weight(task: Terms, w: Weights) -> None:
    parts = terms_of(task, w, NOW)
    assert total(parts) == priority(task, w, NOW)
    assert all(part.weight == getattr(w, part.name, 1.0) for part in parts)
    assert parts[-1].contribution == task.boost
    assert all(part.contribution == part.weight * part.value for part in parts)


def test_default_weights_put_an_error_before_any_doubt() -> None:
    sure_but_wrong = Terms(0.05, 1.0, NOW)
    unsure = Terms(1.0, 0.0, NOW)
    assert rank(sure_but_wrong, Weights()) < rank(unsure, Weights())


def test_age_counts_from_import_and_never_below_zero() -> None:
    assert Terms(0, 0, NOW).age_hours(NOW + HOUR_US) == 1.0
    assert Terms(0, 0, NOW).age_hours(NOW - HOUR_US) == 0.0


@given(terms, terms, weights, st.integers(NOW, NOW + 10_000 * HOUR_US))
def test_rank_orders_as_priority_does_at_any_time(one: Terms, other: Terms, w: Weights, now: int) -> None:
    ahead = priority(one, w, now) - priority(other, w, now)
    behind = rank(one, w) - rank(other, w)
    # Both are sums of numbers up to 1,000 * 500,000 hours, so equality holds to about 1e-6.
    assert abs(ahead + behind) <= 1e-6 * (1 + w.age_per_hour)
