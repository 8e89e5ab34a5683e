"""What a project's labels may be trusted for, as pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from review_queue.assurance import anytime, binomial
from review_queue.assurance.anytime import Stratum

BY_AUDITS = "audits: random sample, betting bound at every look"
BY_THRESHOLDS = "thresholds: learn-then-test on the random sample before; too few audits since"
BY_NOTHING = "nothing was accepted unseen"


@dataclass(frozen=True, slots=True)
class Counts:
    """Where a project's tasks stand, each in one of them; `total` is their sum."""

    reviewed: int = 0
    audited: int = 0
    audits_waiting: int = 0
    auto_accepted: int = 0
    rejected: int = 0
    deferred: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return (
            self.reviewed
            + self.audited
            + self.audits_waiting
            + self.auto_accepted
            + self.rejected
            + self.deferred
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """Upper bounds of the share of wrong labels among those accepted unseen, 0 to 1, and their audits.

    `every_look` holds however often certificates are issued, `single_look` for somebody who sees one of them.
    """

    n: int
    errors: int
    every_look: float
    single_look: float


def bound(strata: Sequence[Stratum], delta: float) -> Bound:
    """From the labels accepted in each slice and the audits of it; both bounds are 0 where none was accepted."""
    filled = [s for s in strata if s.size > 0]
    total = sum(s.size for s in filled)
    single = sum(s.size * binomial.upper_bound(s.k, s.n, delta / len(filled)) for s in filled)
    return Bound(
        n=sum(s.n for s in filled),
        errors=sum(s.k for s in filled),
        every_look=anytime.stratified_upper_bound(filled, delta),
        single_look=single / total if total else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """The bound that a certificate states, and why it may."""

    error_upper_bound: float
    method: str
    within_target: bool
    by_audits: bool


def claim(found: Bound, accepted: int, target: float, delta: float, *, fit_in_force: bool) -> Claim:
    """What may be stated: by audits as soon as there are enough to prove the target if none is wrong.

    Before that the fit in force is the proof of the target. Which of the two it is depends on how many audits there
    are, never on what they showed.
    """
    if not accepted:
        return Claim(0.0, BY_NOTHING, within_target=True, by_audits=False)
    enough = found.n >= binomial.items_for(0, target, delta)
    if enough or not fit_in_force:
        within = found.every_look <= target
        return Claim(found.every_look, BY_AUDITS, within_target=within, by_audits=True)
    return Claim(target, BY_THRESHOLDS, within_target=True, by_audits=False)
