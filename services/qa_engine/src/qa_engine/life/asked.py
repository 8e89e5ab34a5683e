"""What a run asks of a rule: what comes with a label, what comes once a period, or both."""

from collections.abc import Sequence
from dataclasses import replace

from qa_engine.life.run import RunKind
from qa_engine.operation import Judgement
from qa_engine.rule import Item, Rule, Terms


def asked(rule: Rule, kind: RunKind, time_us: int) -> Rule:
    """The rule as a run of that kind asks it, at a time in microseconds since the Unix epoch, UTC.

    Runs that a person starts ask all that the rule is ever asked, so that a backtest says what it would come to.
    """
    scheduled, arriving = rule.scheduled, rule.batch_check
    if scheduled is None:
        return rule

    def once(items: Sequence[Item], terms: Terms) -> Sequence[Judgement]:
        return scheduled(items, terms, time_us)

    if kind is RunKind.SCHEDULE or arriving is None:
        return replace(rule, batch_check=once)

    def both(items: Sequence[Item], terms: Terms) -> Sequence[Judgement]:
        pairs = zip(arriving(items, terms), once(items, terms), strict=True)
        return [first.plus(second) for first, second in pairs]

    return replace(rule, batch_check=both)
