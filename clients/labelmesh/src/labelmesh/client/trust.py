"""What labels may be trusted for: policies, thresholds, certificates, gold."""

from dataclasses import dataclass
from enum import StrEnum

from labelmesh.client.metric import Rate


class AutomationStage(StrEnum):
    """How much is accepted without a person: nothing; with many audits; with few."""

    ASSISTED = "ASSISTED"
    MIXED = "MIXED"
    AUTO = "AUTO"


class SliceBy(StrEnum):
    """What slices a project's labels; each slice has a threshold of its own."""

    NONE = "NONE"
    CATEGORY = "CATEGORY"
    SOURCE = "SOURCE"
    LENGTH = "LENGTH"


@dataclass(frozen=True, slots=True)
class AcceptancePolicy:
    """Rules of automatic acceptance; docs/assurance.md says what each means.

    `target_error` and `delta` in 0.001 to 0.5, the rates in 0.005 to 1 (a mixed rate of 0: the greater of 0.2 and the
    audit rate), `check_share` in 0 to 0.5. `revision` is the one that was seen, 0 for the first policy.
    """

    target_error: float = 0.02
    delta: float = 0.1
    slice_by: SliceBy = SliceBy.NONE
    audit_rate: float = 0.05
    mixed_audit_rate: float = 0.0
    n_min: int = 100
    check_share: float = 0.2
    export_auto_accepted: bool = False
    revision: int = 0


@dataclass(frozen=True, slots=True)
class SliceThreshold:
    """A slice's threshold (None: nothing is accepted), what it rests on, and the audits since."""

    slice: str
    threshold: float | None
    sample: int
    n: int
    errors: int
    p_value: float
    upper_bound: float
    delta: float
    watched: int
    watched_errors: int
    watched_upper_bound: float


@dataclass(frozen=True, slots=True)
class ThresholdFit:
    """Thresholds fitted together for one prediction run; `pending` drawn items wait, behind which nothing counts."""

    name: str
    number: int
    prediction_run: str
    method: str
    slices: tuple[SliceThreshold, ...]
    pending: int
    create_time_us: int
    in_force: bool


@dataclass(frozen=True, slots=True)
class AssuranceCounts:
    """Where a project's tasks stand; the others add up to `total`."""

    total: int
    reviewed: int
    audited: int
    audits_waiting: int
    auto_accepted: int
    rejected: int
    deferred: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a project's labels may be trusted for, at one moment; see the contract."""

    name: str
    counts: AssuranceCounts
    audit_n: int
    audit_errors: int
    error_upper_bound: float
    audit_upper_bound: float
    single_look_upper_bound: float
    confidence: float
    method: str
    target_error: float
    within_target: bool
    policy_revision: int
    threshold_fit: str
    stage: AutomationStage
    create_time_us: int
    actor: str


@dataclass(frozen=True, slots=True)
class AssuranceStatus:
    """A project's policy, stage, newest fit and certificate (None without one), and where its tasks stand."""

    policy: AcceptancePolicy | None
    stage: AutomationStage
    stage_reason: str
    stage_time_us: int
    fit: ThresholdFit | None
    counts: AssuranceCounts
    certificate: Certificate | None
    items_until_alarm: int


@dataclass(frozen=True, slots=True)
class Applied:
    """Open tasks looked at, of them newly drawn for people, and accepted unseen."""

    looked_at: int
    drawn: int
    accepted: int


@dataclass(frozen=True, slots=True)
class GoldSet:
    """A sealed set of assets, `answered` of whose `items` have a known answer."""

    id: str
    display_name: str
    revision: int
    items: int
    answered: int
    create_time_us: int


@dataclass(frozen=True, slots=True)
class AnnotatorQuality:
    """How a reviewer did on gold; `lower_bound` is that of the accuracy at 95 %."""

    reviewer: str
    accuracy: Rate
    lower_bound: float
