"""Hold-out and lift: draws that can be derived again, and simulated reviewers whose true speed-up is known."""

import random
from dataclasses import dataclass
from math import exp

import pytest

from review_queue.errors import HoldOutInvalid
from review_queue.measures.facts import Facts, Grain, add_up
from review_queue.measures.holdout import Arm, HoldOut, arm_of, check_share, held_out
from review_queue.measures.lift import Lift, Verdict, lift
from review_queue.measures.totals import Totals

UIDS = [f"01ASSET{i:05}" for i in range(4_000)]


@pytest.mark.parametrize("share", [-0.01, 0.51, float("nan"), float("inf")])
def test_a_share_outside_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(HoldOutInvalid):
        check_share(share)


def test_the_share_that_is_asked_for_is_drawn_and_drawn_again() -> None:
    policy = HoldOut(0.2, "secret", 1)
    drawn = {uid for uid in UIDS if held_out(policy, uid)}
    # Four standard deviations of a binomial share.
    assert len(drawn) / len(UIDS) == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / len(UIDS)) ** 0.5)
    assert drawn == {uid for uid in UIDS if held_out(HoldOut(0.2, "secret", 9), uid)}


def test_a_larger_share_keeps_whom_the_smaller_drew_and_another_secret_draws_others() -> None:
    small = {uid for uid in UIDS if held_out(HoldOut(0.1, "secret"), uid)}
    assert small < {uid for uid in UIDS if held_out(HoldOut(0.3, "secret"), uid)}
    assert small != {uid for uid in UIDS if held_out(HoldOut(0.1, "other"), uid)}


def test_no_share_draws_nobody() -> None:
    assert not any(held_out(HoldOut(0.0, "secret"), uid) for uid in UIDS)


def test_an_answer_belongs_to_an_experiment_only_where_the_draw_decided() -> None:
    policy = HoldOut(0.5, "secret", 3)
    drawn = next(uid for uid in UIDS if held_out(policy, uid))
    other = next(uid for uid in UIDS if not held_out(policy, uid))
    assert arm_of(policy, drawn, shown=False, hidden=True) == (Arm.HELD_OUT, 3)
    assert arm_of(policy, other, shown=True, hidden=False) == (Arm.ASSISTED, 3)
    assert arm_of(policy, drawn, shown=True, hidden=False) == (Arm.SHOWN, 0)
    assert arm_of(policy, other, shown=False, hidden=True) == (Arm.HELD_OUT, 0)
    assert arm_of(policy, drawn, shown=False, hidden=False) == (Arm.NONE, 0)
    assert arm_of(HoldOut(), drawn, shown=True, hidden=False) == (Arm.SHOWN, 0)


@dataclass(frozen=True)
class Reviewers:
    """The time model: from scratch a task takes a lognormal time of mean 20 s.

    A shown prediction is read in a fifth of that, and where it is wrong, mending it takes three fifths on top. All
    times have the same spread on the logarithm, 0.6.
    """

    accuracy: float
    scratch_s: float = 20.0
    reading: float = 0.2
    mending: float = 0.6
    spread: float = 0.6

    @property
    def speed_up(self) -> float:
        """The true ratio of mean times."""
        return 1 / (self.reading + (1 - self.accuracy) * self.mending)

    def answer(self, draws: random.Random, index: int, share: float) -> Facts:
        hidden = draws.random() < share
        right = draws.random() < self.accuracy
        part = 1.0 if hidden else self.reading + (0 if right else self.mending)
        noise = draws.lognormvariate(-(self.spread**2) / 2, self.spread)
        return Facts(
            uid=str(index),
            project_uid="p",
            reviewer="ann",
            run_uid="r",
            arm=Arm.HELD_OUT if hidden else Arm.ASSISTED,
            experiment=1,
            decision="ACCEPT" if right and not hidden else "CORRECT",
            active_seconds=self.scratch_s * part * noise,
            time_us=index,
            unchanged=right,
        )


def simulated(reviewers: Reviewers, seed: int, n: int = 1_000, share: float = 0.2) -> Lift:
    draws = random.Random(seed)
    sums = add_up([reviewers.answer(draws, i, share) for i in range(n)], (Grain.ALL,))
    totals = {arm: Totals() for arm in (Arm.ASSISTED, Arm.HELD_OUT)}
    bins: dict[Arm, dict[int, int]] = {arm: {} for arm in totals}
    for slot, found in sums.reviews.items():
        totals[Arm(slot.arm)] += found
    for (slot, index), count in sums.bins.items():
        bins[Arm(slot.arm)][index] = count
    return lift(totals[Arm.ASSISTED], totals[Arm.HELD_OUT], bins[Arm.ASSISTED], bins[Arm.HELD_OUT])


def test_the_interval_holds_the_true_speed_up_as_often_as_it_says() -> None:
    reviewers = Reviewers(accuracy=0.85)
    held = 0
    for seed in range(200):
        found = simulated(reviewers, seed, n=300).speed_up
        assert found.lower is not None
        assert found.upper is not None
        held += found.lower <= reviewers.speed_up <= found.upper
    # At 95 % fewer than 182 of 200 come up once in 200 such tests.
    assert held >= 182


def test_three_times_is_reported_at_85_percent_accuracy() -> None:
    reviewers = Reviewers(accuracy=0.85)
    assert reviewers.speed_up == pytest.approx(3.448, abs=1e-3)
    found = simulated(reviewers, seed=1, n=4_000)
    assert found.verdict is Verdict.REACHED
    assert found.speed_up.lower is not None
    assert found.speed_up.lower >= 3
    assert found.assisted.answers + found.held_out.answers == 4_000


def test_three_times_is_reported_as_not_reached_where_the_model_is_poor() -> None:
    reviewers = Reviewers(accuracy=0.5)
    assert reviewers.speed_up == pytest.approx(2.0)
    found = simulated(reviewers, seed=2)
    assert found.verdict is Verdict.NOT_REACHED
    assert found.speed_up.upper is not None
    assert found.speed_up.upper < 3


def test_a_sample_that_leaves_it_open_says_so() -> None:
    assert simulated(Reviewers(accuracy=0.78), seed=3, n=150).verdict is Verdict.UNDECIDED
    assert simulated(Reviewers(accuracy=0.99), seed=3, n=20).verdict is Verdict.TOO_FEW


def test_long_tasks_move_the_typical_speed_up_less() -> None:
    found = simulated(Reviewers(accuracy=1.0), seed=4, n=4_000)
    assert found.typical_speed_up.value == pytest.approx(5.0, rel=0.1)
    assert found.assisted.median_seconds.value == pytest.approx(4 * exp(-(0.6**2) / 2), rel=0.1)


def gold(right: int, wrong: int, misled: int, led: int) -> Totals:
    """Answers to gold assets; of those with a wrong prediction `misled` were wrong too, out of `led`."""
    return Totals(answers=right + wrong, gold=right + wrong, gold_right=right, gold_wrong=led, misled=misled)


def test_quality_and_anchoring_are_told_from_gold() -> None:
    found = lift(gold(180, 20, 15, 30), gold(196, 4, 1, 30), {}, {})
    assert found.quality.value == pytest.approx(-0.08)
    assert found.not_worse is Verdict.NOT_REACHED
    assert found.anchoring.value == pytest.approx(14 / 30)
    assert found.anchoring.lower is not None
    assert found.anchoring.lower > 0
    same = lift(gold(1_980, 20, 0, 30), gold(1_980, 20, 0, 30), {}, {})
    assert same.not_worse is Verdict.REACHED


def test_without_gold_nothing_is_said_about_quality() -> None:
    found = simulated(Reviewers(accuracy=0.85), seed=1, n=100)
    assert (found.quality.n, found.quality.value, found.not_worse) == (0, None, Verdict.TOO_FEW)
