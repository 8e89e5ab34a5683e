"""Periods, the median of reviews, and what a run asks of a rule, as plain functions."""

import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from labels.label import Finding, Severity
from qa_engine.conduct import Conduct
from qa_engine.errors import BacktestFailed, BacktestMissing, RuleSettingsInvalid
from qa_engine.life import pace, run, scheduling
from qa_engine.life.asked import asked
from qa_engine.life.precision import Precision
from qa_engine.life.run import ReviewTimeSource, Run, RunKind, RunState, Stage
from qa_engine.operation import Block, Judgement
from qa_engine.rule import Item, Rule, Settings, Terms

MINUTE = 60_000_000
DAY = 1_440 * MINUTE
DONE = Run(
    uid="r",
    project_uid="p",
    kind=RunKind.BACKTEST,
    rule="plugin_x",
    version=1,
    terms="",
    settings="",
    state=RunState.DONE,
    stage=Stage.LABELS,
    cursor="",
    total=100,
    looked=100,
    hit_labels=4,
    hits=12,
    patched=0,
    unchecked_labels=0,
    precision=Precision(),
    review_seconds=30.0,
    review_time_source=ReviewTimeSource.DEFAULT,
    error="",
    author="",
    create_time_us=0,
    end_time_us=0,
)
FLAGGING = Settings(True, Severity.WARNING, {})


@pytest.mark.parametrize(
    ("now", "minutes", "due"),
    [
        (0, 5, 5 * MINUTE),
        (5 * MINUTE - 1, 5, 5 * MINUTE),
        (5 * MINUTE, 5, 10 * MINUTE),
        (20 * DAY + 13 * 60 * MINUTE, 1_440, 21 * DAY),
        (DAY + 7 * MINUTE, 60, DAY + 60 * MINUTE),
    ],
)
def test_a_period_begins_at_multiples_since_1970(now: int, minutes: int, due: int) -> None:
    assert scheduling.next_due(now, minutes) == due


@pytest.mark.parametrize("minutes", [0, 5, 1_440, 43_200])
def test_periods_that_may_be(minutes: int) -> None:
    Conduct(schedule_minutes=minutes).check()


@pytest.mark.parametrize("minutes", [-5, 1, 4, 43_201])
def test_periods_that_may_not(minutes: int) -> None:
    with pytest.raises(RuleSettingsInvalid, match="every 5 to 43,200 minutes"):
        Conduct(schedule_minutes=minutes).check()


def test_the_median_is_within_two_percent_and_needs_twenty_reviews() -> None:
    dice = random.Random(8)
    times = [dice.lognormvariate(3, 1.2) for _ in range(999)]
    found = pace.median_of(Counter(map(pace.bin_of, times)))
    assert found == pytest.approx(statistics.median(times), rel=0.021)
    assert pace.median_of(Counter(map(pace.bin_of, times[:19]))) is None
    assert pace.median_of(Counter(map(pace.bin_of, times[:20]))) is not None
    assert pace.median_of({}) is None


def test_the_bins_have_an_end_on_either_side() -> None:
    assert pace.bin_of(0.01) == pace.bin_of(0.1) == 0
    assert pace.bin_of(86_400) == pace.bin_of(3_600) < 264
    assert pace.median_of({pace.bin_of(86_400): 20}) == pytest.approx(3_600, rel=0.021)


def test_minutes_for_people_are_of_hits_or_of_labels() -> None:
    assert DONE.reviewer_minutes == 12 * 30 / 60
    assert replace(DONE, review_time_source=ReviewTimeSource.REQUEST).reviewer_minutes == 12 * 30 / 60
    assert replace(DONE, review_time_source=ReviewTimeSource.REVIEWS).reviewer_minutes == 4 * 30 / 60


def test_a_rule_of_the_projects_own_may_fail_on_one_label_in_a_hundred() -> None:
    run.check_enforce(FLAGGING, replace(DONE, unchecked_labels=1), own=True)
    with pytest.raises(BacktestFailed, match="2 of the 100 labels"):
        run.check_enforce(FLAGGING, replace(DONE, unchecked_labels=2), own=True)
    # A picture that cannot be read is no fault of a built-in rule.
    run.check_enforce(FLAGGING, replace(DONE, unchecked_labels=100), own=False)
    with pytest.raises(BacktestMissing):
        run.check_enforce(FLAGGING, None, own=True)


def test_how_often_a_rule_is_asked_is_no_part_of_its_terms() -> None:
    rule = Rule("plugin_x", Severity.WARNING)
    hourly = replace(FLAGGING, conduct=Conduct(schedule_minutes=60))
    assert run.terms(rule, hourly) == run.terms(rule, FLAGGING)
    assert run.settings_from_json(run.settings_json(hourly)).conduct.schedule_minutes == 60
    assert run.terms(rule, replace(FLAGGING, severity=Severity.ERROR)) != run.terms(rule, FLAGGING)


def says(message: str) -> Judgement:
    return Judgement((Finding("plugin_x", Severity.INFO, message),), (("plugin_x", Block()),))


def arriving(items: Sequence[Item], terms: Terms) -> list[Judgement]:
    return [says("both"), says("came")]


def once(items: Sequence[Item], terms: Terms, time_us: int) -> list[Judgement]:
    return [says("both"), says(f"at {time_us}")]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (RunKind.SCHEDULE, [["both"], ["at 7"]]),
        (RunKind.BACKTEST, [["both"], ["came", "at 7"]]),
        (RunKind.ENFORCE, [["both"], ["came", "at 7"]]),
    ],
)
def test_a_run_asks_what_its_kind_is_for_and_hears_each_thing_once(
    kind: RunKind, said: list[list[str]]
) -> None:
    rule = Rule("plugin_x", Severity.INFO, batch_check=arriving, scheduled=once)
    check = asked(rule, kind, 7).batch_check
    assert check is not None
    judged = check([], Terms("plugin_x", Severity.INFO, {}))
    assert [[finding.message for finding in judgement.findings] for judgement in judged] == said
    assert [len(judgement.operations) for judgement in judged] == [1, 1]


def test_a_rule_without_a_schedule_is_asked_as_ever() -> None:
    rule = Rule("plugin_x", Severity.INFO, batch_check=arriving)
    assert asked(rule, RunKind.BACKTEST, 7) is rule
