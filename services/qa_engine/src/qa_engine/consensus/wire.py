"""Consensus on the wire."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from labelmesh.qa.v1 import consensus_service_pb2 as pb2
from labels.errors import LabelError
from labels.label import Label, LabelKind
from labels.names import asset_name
from labels.proto import asset_from_pb, label_from_pb, label_to_pb
from qa_engine.consensus.agreement import Agreement
from qa_engine.consensus.comparing import AssetAnswers, ToolAgreement
from qa_engine.consensus.methods import DEFAULT, Method
from qa_engine.consensus.policy import Policy, check
from qa_engine.consensus.quality import Quality
from qa_engine.consensus.resolution import MAX_ANSWERS, Answer, Dispute, Resolution
from qa_engine.consensus.results import Result
from qa_engine.errors import PolicyInvalid, VotesInvalid
from qa_engine.projects import Project

MAX_CELLS = 100
_LEAST_CELL = 0.05
_TO_PB = {method: pb2.ConsensusMethod.Value(f"CONSENSUS_METHOD_{method}") for method in Method}
_FROM_PB = {int(number): method for method, number in _TO_PB.items()}


def method_from_pb(number: int, otherwise: Method = DEFAULT) -> Method:
    """The method, `otherwise` where none is said; raises PolicyInvalid for an unknown one."""
    if number and number not in _FROM_PB:
        raise PolicyInvalid("The method of consensus is unknown.")
    return _FROM_PB.get(number, otherwise)


def policy_to_pb(policy: Policy) -> pb2.ConsensusPolicy:
    """The policy on the wire."""
    return pb2.ConsensusPolicy(
        method=_TO_PB[policy.method],
        quorum=policy.quorum,
        iou=policy.iou,
        min_agreement=policy.min_agreement,
        min_confidence=policy.min_confidence,
        staple=policy.staple,
        revision=policy.revision,
    )


def policy_from_pb(pb: pb2.ConsensusPolicy) -> Policy:
    """Raises PolicyInvalid."""
    numbers = (pb.quorum, pb.iou, pb.min_agreement, pb.min_confidence)
    return check(Policy(method_from_pb(pb.method), *numbers, staple=pb.staple))


def answers_from_pb(answers: Iterable[pb2.AssetAnswers]) -> list[AssetAnswers]:
    """Raises VotesInvalid unless each asset is given once, with a name or key and one label of each author."""
    found = [_answers_from_pb(pb) for pb in answers]
    if len({asset.asset_uid for asset in found}) < len(found):
        raise VotesInvalid("An asset is given twice.")
    return found


def _answers_from_pb(pb: pb2.AssetAnswers) -> AssetAnswers:
    if not 0 < len(pb.labels) <= MAX_ANSWERS:
        raise VotesInvalid(f"An asset needs 1 to {MAX_ANSWERS} answers.")
    try:
        asset = asset_from_pb(pb.asset)
        labels = [label_from_pb(label) for label in pb.labels]
    except LabelError as error:
        raise VotesInvalid(str(error)) from error
    if not all(label.author for label in labels) or len({label.author for label in labels}) < len(labels):
        raise VotesInvalid("Each label of an asset needs an author of its own.")
    given = tuple(
        Answer(label.author, label.uid or f"given{n}", label.annotations) for n, label in enumerate(labels)
    )
    return AssetAnswers(asset.uid or asset.key, given, asset.text)


def resolution_to_pb(
    asset: AssetAnswers, found: Resolution, policy: Policy, project: Project
) -> pb2.ConsensusResult:
    """A comparison that is not stored."""
    label = None
    if found.annotations is not None:
        author = f"consensus:{policy.method.value}"
        label = label_to_pb(
            Label(LabelKind.REVIEW, author, found.annotations, asset_uid=asset.asset_uid), project.id
        )
    return pb2.ConsensusResult(
        asset=asset_name(project.id, asset.asset_uid),
        label=label,
        method=policy.method.value,
        agreement=found.agreement,
        confidence=found.confidence,
        agreement_by_tool=found.by_tool,
        disputes=map(_dispute_to_pb, found.disputes),
        answers=len(asset.answers),
    )


def result_to_pb(result: Result, project: Project) -> pb2.ConsensusResult:
    """A stored comparison."""
    return pb2.ConsensusResult(
        asset=asset_name(project.id, result.asset_uid),
        label=result.label,
        method=result.method,
        agreement=result.agreement,
        confidence=result.confidence,
        agreement_by_tool=result.by_tool,
        disputes=map(_dispute_to_pb, result.disputes),
        answers=result.answers,
        create_time_us=result.create_time_us,
    )


def _dispute_to_pb(dispute: Dispute) -> pb2.ConsensusDispute:
    return pb2.ConsensusDispute(
        tool=dispute.tool, category=dispute.category, support=dispute.support, answers=dispute.answers
    )


def agreement_to_pb(found: ToolAgreement, answers: int) -> pb2.GetAgreementResponse:
    """Measures of a tool."""
    return pb2.GetAgreementResponse(
        alpha=_measure(found.alpha),
        fleiss_kappa=_measure(found.fleiss_kappa),
        pairs=[pb2.PairAgreement(annotator=a, other=b, kappa=_measure(kappa)) for a, b, kappa in found.pairs],
        exact_f1=_measure(found.exact_f1),
        overlap_f1=_measure(found.overlap_f1),
        iou=_measure(found.iou),
        answers=answers,
    )


def _measure(found: Agreement) -> pb2.AgreementMeasure:
    said: Mapping[str, float] = {"value": found.value, "lower": found.lower, "upper": found.upper}
    return pb2.AgreementMeasure(n=found.n, **{name: v for name, v in said.items() if not isnan(v)})


def quality_to_pb(quality: Quality, categories: Sequence[str]) -> pb2.AnnotatorQuality:
    """How good a person is; `categories` name the rows and columns of the confusion matrix."""
    cells = sorted(
        (-float(amount), t, s)
        for t, row in enumerate(quality.confusion)
        for s, amount in enumerate(row)
        if amount >= _LEAST_CELL
    )
    return pb2.AnnotatorQuality(
        annotator=quality.annotator,
        votes=quality.votes,
        accuracy=quality.accuracy,
        lower=quality.lower,
        upper=quality.upper,
        confusion=[
            pb2.ConfusionCell(truth=categories[t], said=categories[s], amount=-less)
            for less, t, s in cells[:MAX_CELLS]
        ],
    )
