"""Thresholds, audits drawn again, and alarms, in seeded simulations of projects."""

import random

import pytest

from review_queue.assurance import binomial, sampling
from review_queue.assurance.drift import Detector
from review_queue.assurance.threshold import GRID, Fit, Seen, fit, share_of


def project(draw: random.Random) -> tuple[float, float]:
    """How wrong a model is at confidence 0 and 1; errors fall in a straight line between."""
    return draw.uniform(0.2, 0.9), draw.choice([0.0, 0.002, 0.02, 0.1])


def error_at(model: tuple[float, float], confidence: float) -> float:
    return model[0] + (model[1] - model[0]) * confidence


def sample(draw: random.Random, model: tuple[float, float], n: int) -> list[Seen]:
    confidences = [draw.betavariate(4, 0.4) for _ in range(n)]
    return [Seen(c, draw.random() < error_at(model, c)) for c in confidences]


@pytest.mark.parametrize("target", [0.02, 0.05])
def test_hardly_ever_are_more_than_the_target_wrong_above_a_threshold(target: float) -> None:
    draw, delta, projects = random.Random(3), 0.1, 200
    population = [draw.betavariate(4, 0.4) for _ in range(20_000)]
    broken = accepting = 0
    for _ in range(projects):
        model = project(draw)
        threshold = fit(sample(draw, model, 1_000), target, delta, 100).threshold
        if threshold is None:
            continue
        above = [error_at(model, c) for c in population if c >= threshold]
        accepting += 1
        broken += sum(above) / len(above) > target
    assert binomial.lower_bound(broken, projects, 0.001) <= delta
    # A rule that accepts nothing would be right, too.
    assert accepting > projects / 4


def test_a_slice_that_is_right_half_the_time_gets_no_threshold() -> None:
    draw = random.Random(5)
    for _ in range(200):
        seen = [Seen(draw.betavariate(8, 1), draw.random() < 0.5) for _ in range(500)]
        assert fit(seen, 0.05, 0.05, 60).threshold is None


def test_a_small_slice_gets_no_threshold_however_good_it_is() -> None:
    seen = [Seen(0.99, False)] * 999
    assert fit(seen, 0.05, 0.05, 1_000).threshold is None
    assert fit([*seen, seen[0]], 0.05, 0.05, 1_000).threshold == 0.99


def test_a_sample_too_small_to_prove_the_target_gets_no_threshold() -> None:
    perfect = [Seen(1.0, False)] * 298
    assert fit(perfect, 0.01, 0.05, 50) == Fit(None, 298, 0, 0, 1.0, 1.0, 0.05)
    assert fit([*perfect, perfect[0]], 0.01, 0.05, 50).threshold == 0.9999


def test_the_first_threshold_that_fails_ends_the_sequence() -> None:
    """Good again further down is not looked at: that would be picking what fits."""
    good = [Seen(0.95, False)] * 400
    bad = [Seen(0.7, True)] * 40
    found = fit([*good, *bad, *[Seen(0.3, False)] * 5_000], 0.05, 0.05, 50)
    assert found.threshold == 0.95
    assert (found.n, found.k, found.sample) == (400, 0, 5_440)
    assert found.upper < 0.05


def test_a_threshold_is_not_lower_than_anything_that_was_seen() -> None:
    seen = [Seen(0.95, False)] * 300 + [Seen(0.72, False)] * 100
    assert fit(seen, 0.05, 0.05, 50).threshold == 0.7


def test_the_evidence_of_a_refusal_is_told() -> None:
    found = fit([Seen(0.95, i % 4 == 0) for i in range(400)], 0.05, 0.05, 50)
    assert found.threshold is None
    assert (found.n, found.k) == (400, 100)
    assert found.p_value > 0.05


def test_thresholds_are_tried_from_the_strictest_down() -> None:
    assert list(GRID) == sorted(set(GRID), reverse=True)
    assert GRID[-1] == 0.0


def test_fits_and_slices_never_spend_more_than_delta() -> None:
    spent = sum(7 * share_of(0.05, f, 7) for f in range(1, 10_000))
    assert spent <= 0.05
    assert spent > 0.0499


def test_the_audited_share_is_the_rate_and_only_grows_with_it() -> None:
    secret = bytes(32)
    uids = [f"01ASSET{i:06}" for i in range(20_000)]
    few = {uid for uid in uids if sampling.drawn(secret, uid, 0.05)}
    many = {uid for uid in uids if sampling.drawn(secret, uid, 0.25)}
    assert few < many
    low, high = binomial.interval(len(few), len(uids), 1e-6)
    assert low < 0.05 < high
    assert few != {uid for uid in uids if sampling.drawn(b"\x01" * 32, uid, 0.05)}


@pytest.mark.parametrize("times", [3, 5])
def test_the_alarm_comes_within_the_stated_number_of_items(times: int) -> None:
    detector, draw, runs = Detector(0.02), random.Random(9), 200
    stated = detector.items_until_alarm(0.02 * times)
    late = 0
    for _ in range(runs):
        level = 0.0
        for _ in range(300):
            level = detector.after(level, wrong=draw.random() < 0.005)
        for _ in range(stated):
            level = detector.after(level, wrong=draw.random() < 0.02 * times)
        late += not detector.alarm(level)
    assert binomial.lower_bound(late, runs, 0.001) <= 0.05


def test_false_alarms_are_as_rare_as_stated() -> None:
    """On average at least `height` items pass until one, with errors right at the target."""
    detector, draw = Detector(0.05, height=100.0), random.Random(13)
    waited = []
    for _ in range(300):
        level, n = 0.0, 0
        while not detector.alarm(level) and n < 5_000:
            level, n = detector.after(level, wrong=draw.random() < 0.05), n + 1
        waited.append(n)
    assert sum(waited) / len(waited) >= 100


def test_a_share_that_is_not_above_the_target_has_no_time_until_the_alarm() -> None:
    with pytest.raises(ValueError, match="not above"):
        Detector(0.02).items_until_alarm(0.02)
