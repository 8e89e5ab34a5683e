"""Rules of automatic acceptance, and what they say about one label, as pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from review_queue.assurance import sampling
from review_queue.assurance.slices import Facts, SliceBy
from review_queue.errors import PolicyInvalid

MIXED_AUDIT_RATE = 0.2


class Stage(StrEnum):
    """How much is accepted without a person; see `stage`."""

    ASSISTED = "ASSISTED"
    MIXED = "MIXED"
    AUTO = "AUTO"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a user sets; docs/assurance.md and the contract say what each number is.

    `target_error` and `delta` in 0.001 to 0.5, the rates in 0.005 to 1, `check_share` in 0 to 0.5.
    """

    target_error: float
    delta: float
    slice_by: SliceBy
    audit_rate: float
    mixed_audit_rate: float
    n_min: int
    check_share: float
    export_auto_accepted: bool

    @property
    def statement(self) -> tuple[float, float, SliceBy]:
        """What thresholds prove: with another one they prove nothing."""
        return self.target_error, self.delta, self.slice_by


def check_policy(policy: Policy) -> None:
    """Raise PolicyInvalid for a number out of its range. Written so that NaN fails."""
    for name, value, low, high in (
        ("target error", policy.target_error, 0.001, 0.5),
        ("delta", policy.delta, 0.001, 0.5),
        ("audit rate", policy.audit_rate, 0.005, 1.0),
        ("mixed audit rate", policy.mixed_audit_rate, 0.005, 1.0),
        ("n_min", policy.n_min, 20, 1_000_000),
        ("check share", policy.check_share, 0.0, 0.5),
    ):
        if not low <= value <= high:
            raise PolicyInvalid(f"The {name} must be {low:g} to {high:,g}.")
    if policy.mixed_audit_rate < policy.audit_rate:
        raise PolicyInvalid("The mixed audit rate must not be below the audit rate.")


@dataclass(frozen=True, slots=True)
class InForce:
    """A project's policy as it acts now: its stage, the fit in force, the run that holds for, thresholds by slice."""

    policy: Policy
    secret: bytes
    stage: Stage
    fit_uid: str = ""
    run_uid: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def audit_rate(self) -> float:
        """The share drawn for people now."""
        return self.policy.audit_rate if self.stage is Stage.AUTO else self.policy.mixed_audit_rate

    def audits(self, asset_uid: str) -> bool:
        """Whether the asset is drawn, whatever a model says about it."""
        return sampling.drawn(self.secret, asset_uid, self.audit_rate)

    def above(self, run_uid: str, confidence: float | None, severity: float, facts: Facts) -> bool:
        """Whether the thresholds in force let the label through, in whatever stage.

        A label in which a rule found an error (severity 1) never is.
        """
        if confidence is None or severity >= 1.0 or run_uid != self.run_uid:
            return False
        threshold = self.thresholds.get(facts.slice(self.policy.slice_by))
        return threshold is not None and confidence >= threshold
