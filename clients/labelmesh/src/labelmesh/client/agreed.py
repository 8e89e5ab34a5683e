"""Values of consensus: policies, results, agreement and what votes tell of people."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from labels.label import Label


class ConsensusMethod(StrEnum):
    """How a single choice is found from votes; see docs/consensus.md."""

    MAJORITY = "MAJORITY"
    WEIGHTED = "WEIGHTED"
    ONE_COIN = "ONE_COIN"
    DAWID_SKENE = "DAWID_SKENE"
    SHRUNKEN = "SHRUNKEN"
    MACE = "MACE"
    POOLED = "POOLED"


@dataclass(frozen=True, slots=True)
class ConsensusPolicy:
    """How a project's answers are compared: shares, IoU and probabilities in 0 to 1; `revision` counts changes."""

    method: ConsensusMethod = ConsensusMethod.POOLED
    quorum: float = 0.5
    iou: float = 0.5
    min_agreement: float = 0.3
    min_confidence: float = 0.8
    staple: bool = False
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Dispute:
    """What `support` of `answers` answers claimed, and the label does not; no category where some gave none."""

    tool: str
    category: str
    support: int
    answers: int


@dataclass(frozen=True, slots=True)
class ConsensusResult:
    """What the answers to an asset come to; `label` is None without agreement.

    `agreement` and `confidence` are 0 to 1; the time is in microseconds since the epoch, 0 when it is not stored.
    """

    asset_uid: str
    label: Label | None
    method: str
    agreement: float
    confidence: float
    agreement_by_tool: Mapping[str, float]
    disputes: tuple[Dispute, ...]
    answers: int
    create_time_us: int


@dataclass(frozen=True, slots=True)
class AgreementMeasure:
    """A number over `n` assets with its 95 % interval; None where it is not defined."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Cohen's kappa of two people."""

    annotator: str
    other: str
    kappa: AgreementMeasure


@dataclass(frozen=True, slots=True)
class ToolAgreement:
    """How far people agree in a tool: the first three for choices, the last three for spans and shapes."""

    alpha: AgreementMeasure
    fleiss_kappa: AgreementMeasure
    pairs: tuple[PairAgreement, ...]
    exact_f1: AgreementMeasure
    overlap_f1: AgreementMeasure
    iou: AgreementMeasure
    answers: int


@dataclass(frozen=True, slots=True)
class QualityByVotes:
    """How often a person is right against the consensus, 0 to 1 with its 95 % interval.

    `confusion` are expected numbers by (truth, said), the largest first; empty is none.
    """

    annotator: str
    votes: int
    accuracy: float
    lower: float
    upper: float
    confusion: tuple[tuple[str, str, float], ...]
