"""The order of the review queue.

    priority = w_uncertainty * (1 - confidence) + w_findings * severity + w_age * hours waited
             + w_disagreement * disagreement + w_business * business + w_novelty * novelty + boost

All tasks age at the same speed, so waiting never changes who comes first: with the hours since the epoch written as
`now - created`, the term `w_age * now` is the same for every task of a project and drops out of every comparison.
What is left is a constant of the task. It is stored with its sign turned, as `rank`, so that an ascending index is
the queue; it changes with its terms, when a prediction, a finding, an
answer or a weight comes in, and at no other time. A further term fits in as long as it
is a constant of the task too, or grows for all tasks alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

HOUR_US = 3_600_000_000
MAX_WEIGHT = 1_000.0
MAX_BUSINESS = 1_000.0
BUSINESS_KEY = "business_weight"


@dataclass(frozen=True, slots=True)
class Weights:
    """A project's weights of the formula, each 0 to 1,000; `age_per_hour` is per hour waited."""

    uncertainty: float = 1.0
    findings: float = 1.0
    age_per_hour: float = 0.01
    disagreement: float = 1.0
    business: float = 0.0
    novelty: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a task's priority is computed from.

    `uncertainty` is 1 - confidence in 0 to 1, `severity` 0, 0.1, 0.5 or 1, `create_time_us` the import in
    microseconds since the Unix epoch; `boost`, 0 to 1,000, is what a rule adds that routes the label to a person.
    `disagreement`, 0 to 1, is how far answers to the asset differ, see `ranking.difference`; `business`, 0 to 1,000,
    what the customer says that the asset is worth; `novelty`, 0 to 1, how unlike its text is to those that people
    answered.
    """

    uncertainty: float
    severity: float
    create_time_us: int
    boost: float = 0.0
    disagreement: float = 0.0
    business: float = 0.0
    novelty: float = 0.0

    def age_hours(self, now_us: int) -> float:
        """Hours since the import, never negative."""
        return max(0, now_us - self.create_time_us) / HOUR_US


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of the formula: `contribution` is `weight` times `value`."""

    name: str
    weight: float
    value: float

    @property
    def contribution(self) -> float:
        """What it adds to the priority."""
        return self.weight * self.value


def business(context: Mapping[str, str]) -> float:
    """What an asset is worth, 0 to 1,000: `business_weight` of its context, 0 where that is no such number."""
    try:
        weight = float(context.get(BUSINESS_KEY, "0"))
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= MAX_BUSINESS else 0.0


def terms_of(terms: Terms, weights: Weights, now_us: int) -> tuple[Term, ...]:
    """The summands of the formula now, named as the weights are; a boost has the weight 1."""
    return (
        Term("uncertainty", weights.uncertainty, terms.uncertainty),
        Term("findings", weights.findings, terms.severity),
        Term("age_per_hour", weights.age_per_hour, terms.age_hours(now_us)),
        Term("disagreement", weights.disagreement, terms.disagreement),
        Term("business", weights.business, terms.business),
        Term("novelty", weights.novelty, terms.novelty),
        Term("boost", 1.0, terms.boost),
    )


def rank(terms: Terms, weights: Weights) -> float:
    """Where a task stands in its project's queue: the lowest comes first, equal ones by uid."""
    urgency = weights.uncertainty * terms.uncertainty + weights.findings * terms.severity + terms.boost
    urgency += weights.disagreement * terms.disagreement + weights.business * terms.business
    urgency += weights.novelty * terms.novelty
    return weights.age_per_hour * (terms.create_time_us / HOUR_US) - urgency


def priority(terms: Terms, weights: Weights, now_us: int) -> float:
    """The formula's value now; higher is sooner."""
    return total(terms_of(terms, weights, now_us))


def total(terms: Sequence[Term]) -> float:
    """The sum of the contributions, from the left."""
    # Not `sum`, which corrects its rounding since Python 3.12: a filter in a database gets the very same number.
    return reduce(add, (term.contribution for term in terms))
