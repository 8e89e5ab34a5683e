"""The stages of automation, as pure functions.

ASSISTED --a fit with a threshold--> MIXED --a certificate within the target, newer than the stage--> AUTO
MIXED, AUTO --a breach, a changed target, a person--> ASSISTED
"""

from dataclasses import dataclass

from review_queue.assurance import anytime
from review_queue.assurance.drift import Detector
from review_queue.assurance.policy import Stage
from review_queue.errors import EvidenceMissing, StageHighest

BREACH_DELTA = 0.05
"""Chance that errors which never rise above the target are ever taken for a breach of it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What speaks for a promotion: whether a fit in force has a threshold, and when (microseconds since the epoch,
    0 for never) the newest certificate within the target was issued."""

    has_threshold: bool
    certificate_time_us: int


def promoted(stage: Stage, since_us: int, proof: Proof) -> Stage:
    """The next stage; raises EvidenceMissing or StageHighest."""
    match stage:
        case Stage.ASSISTED:
            if not proof.has_threshold:
                raise EvidenceMissing(
                    "No slice has a threshold; fit them to more answers of the random sample."
                )
            return Stage.MIXED
        case Stage.MIXED:
            if not proof.has_threshold or proof.certificate_time_us <= since_us:
                raise EvidenceMissing(
                    "No certificate within the target was issued since this stage began; audit more and issue one."
                )
            return Stage.AUTO
        case Stage.AUTO:
            raise StageHighest


@dataclass(frozen=True, slots=True)
class Watch:
    """Audits, since the fit, of what a slice's threshold lets through: n, of which `errors` were wrong.

    `level` is that of the detector of drift.
    """

    n: int = 0
    errors: int = 0
    level: float = 0.0


def watched(watch: Watch, target: float, *, wrong: bool) -> Watch:
    """The watch after one more audit."""
    level = Detector(target).after(watch.level, wrong=wrong)
    return Watch(watch.n + 1, watch.errors + wrong, level)


def breach(watch: Watch, target: float, slices: int) -> str:
    """Why the slice's errors are above the target, in a sentence; empty while nothing says so.

    `slices` share the chance of a false alarm of the test of all audits; each has a detector of its own.
    """
    seen = f"{watch.errors} of {watch.n} audited labels were wrong"
    if anytime.exceeds(watch.errors, watch.n, target, BREACH_DELTA / max(slices, 1)):
        return f"{seen}, more than the target of {target:.1%} allows."
    if Detector(target).alarm(watch.level):
        return f"{seen}, and lately more than the target of {target:.1%} allows."
    return ""
