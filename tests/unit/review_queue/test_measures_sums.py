"""Sums of reviews, and where an answer's sums stand."""

from datetime import UTC, datetime
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review_queue.errors import MetricInvalid
from review_queue.measures.facts import CUT_OFF_SECONDS, HOUR_US, Facts, Grain, Slot, add_up, start_of, totals
from review_queue.measures.holdout import Arm
from review_queue.measures.question import Group, Question, Step, check
from review_queue.measures.totals import CellTotals, Totals, by_category
from review_queue.measures.values import Metric, value
from review_queue.outcome import Cell

DAY_US = 24 * HOUR_US
NOON = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 1_000_000


def fact(**changes: object) -> Facts:
    known: dict[str, object] = {
        "uid": "u",
        "project_uid": "p",
        "reviewer": "ann",
        "run_uid": "r",
        "arm": Arm.SHOWN,
        "experiment": 0,
        "decision": "ACCEPT",
        "active_seconds": 4.0,
        "time_us": NOON,
        "confidence": 0.9,
        "unchanged": True,
    }
    return Facts(**(known | changes))  # type: ignore[arg-type]


facts = st.builds(
    fact,
    reviewer=st.sampled_from(["ann", "bob"]),
    decision=st.sampled_from(["ACCEPT", "CORRECT", "REJECT", "SEND_BACK", "OTHER"]),
    active_seconds=st.floats(0, 90_000),
    time_us=st.integers(0, 40 * DAY_US),
    unchanged=st.sampled_from([None, True, False]),
    fresh=st.booleans(),
    newly_reworked=st.booleans(),
)


@given(st.lists(facts, max_size=20))
def test_every_grain_sums_the_same(reviews: list[Facts]) -> None:
    sums = add_up(reviews)
    by_grain = {grain: Totals() for grain in Grain}
    for slot, found in sums.reviews.items():
        by_grain[Grain(slot.grain)] += found
    counts = [(t.answers, t.sent_back, t.reworked, t.judged, t.timed) for t in by_grain.values()]
    assert counts[0] == counts[1] == counts[2]
    assert by_grain[Grain.ALL].seconds == pytest.approx(by_grain[Grain.HOUR].seconds)
    bins = [sum(n for (slot, _), n in sums.bins.items() if slot.grain == grain) for grain in Grain]
    assert bins == [by_grain[Grain.ALL].timed] * 3


def test_time_is_cut_off_and_no_time_is_none() -> None:
    forgotten, unknown = totals(fact(active_seconds=80_000.0)), totals(fact(active_seconds=0.0))
    assert (forgotten.timed, forgotten.seconds, forgotten.active_seconds) == (1, CUT_OFF_SECONDS, 80_000.0)
    assert forgotten.logs == pytest.approx(log(CUT_OFF_SECONDS))
    assert (unknown.answers, unknown.timed, unknown.seconds) == (1, 0, 0.0)


def test_a_sent_back_task_is_no_answer() -> None:
    found = totals(fact(decision="SEND_BACK", unchanged=None))
    assert (found.answers, found.sent_back, found.timed, found.active_seconds) == (0, 1, 0, 4.0)


def test_a_review_that_is_summed_already_adds_its_rework_alone() -> None:
    assert totals(fact(fresh=False, newly_reworked=True)) == Totals(reworked=1)


def test_gold_counts_who_was_misled_by_a_wrong_prediction() -> None:
    found = totals(fact(gold_right=False, gold_prediction_right=False))
    found += totals(fact(gold_right=True, gold_prediction_right=False))
    found += totals(fact(gold_right=False, gold_prediction_right=True))
    assert (found.gold, found.gold_right, found.gold_wrong, found.misled) == (3, 1, 2, 1)


def test_categories_share_out_the_pairs() -> None:
    pairs: list[tuple[Cell, CellTotals]] = [
        (("t", "location", "location"), CellTotals(5)),
        (("t", "location", "miscellaneous"), CellTotals(1)),
        (("t", "location", ""), CellTotals(2, 1, 0.5, 0.25)),
        (("t", "", "location"), CellTotals(1)),
    ]
    found = by_category(pairs)
    place, other = found["t", "location"], found["t", "miscellaneous"]
    assert (place.true_positives, place.false_positives, place.false_negatives) == (5, 3, 1)
    assert (other.true_positives, other.false_positives, other.false_negatives) == (0, 0, 1)
    # Nine places less one that is the same object twice: five kept, a half of one, and two without counterpart.
    overlap = value(Metric.OVERLAP, place, {})
    assert (overlap.n, overlap.value) == (8, pytest.approx(5.5 / 8))


@given(
    st.integers(0, 2_000),
    st.one_of(st.none(), st.integers(1, 2_000)),
    st.sampled_from(Step),
    st.lists(st.integers(0, 2_500), max_size=30),
)
def test_each_hour_of_the_window_is_read_once(
    first: int, length: int | None, step: Step, hours: list[int]
) -> None:
    end = 0 if length is None else first + length
    question = Question((Metric.REVIEWS,), step=step, start_us=first * HOUR_US, end_us=end * HOUR_US)
    low, high = first, end or 10_000
    if step in (Step.DAY, Step.WEEK):
        low, high = low - low % 24, high + -high % 24
    for hour in hours:
        slots = [Slot("p", grain, start_of(hour * HOUR_US, grain), "ann", "r", 0, 0) for grain in Grain]
        read = sum(question.holds(slot, stretch) for slot in slots for stretch in question.stretches())
        assert read == (low <= hour < high)


def test_without_a_window_one_sum_is_the_answer() -> None:
    (stretch,) = Question((Metric.REVIEWS,)).stretches()
    assert stretch.grain is Grain.ALL


@pytest.mark.parametrize(
    ("step", "start", "length"),
    [
        (Step.HOUR, "2026-11-24T12:00", HOUR_US),
        (Step.DAY, "2026-11-24", DAY_US),
        (Step.WEEK, "2026-11-23", 7 * DAY_US),
    ],
)
def test_steps_begin_with_the_hour_the_day_and_monday(step: Step, start: str, length: int) -> None:
    first = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()) * 1_000_000
    found = Question((Metric.REVIEWS,), step=step).time_of(start_of(NOON, Grain.HOUR))
    assert found == (first, first + length)


@pytest.mark.parametrize(
    "question",
    [
        Question((Metric.REVIEWS,), start_us=-1),
        Question((Metric.REVIEWS,), start_us=5, end_us=5),
        Question((Metric.ACCURACY,), group=Group.CATEGORY),
        Question((Metric.F1,), group=Group.REVIEWER, category="cat"),
        Question((Metric.REWORK,), tool="topic"),
    ],
)
def test_questions_that_have_no_answer_are_refused(question: Question) -> None:
    with pytest.raises(MetricInvalid):
        check(question)


def test_a_question_about_one_category_is_fine() -> None:
    check(Question((Metric.F1, Metric.OVERLAP), category="cat"))
