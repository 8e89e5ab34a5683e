"""What several people's answers come to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from labelmesh.client.agreed import (
    AgreementMeasure,
    ConsensusMethod,
    ConsensusPolicy,
    ConsensusResult,
    Dispute,
    PairAgreement,
    QualityByVotes,
    ToolAgreement,
)
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.qa.v1 import consensus_service_pb2 as pb2
from labelmesh.qa.v1.consensus_service_pb2_grpc import ConsensusServiceStub
from labels import names
from labels.asset import Asset
from labels.label import Label
from labels.proto import asset_to_pb, label_from_pb, label_to_pb

_METHODS = {method: pb2.ConsensusMethod.Value(f"CONSENSUS_METHOD_{method}") for method in ConsensusMethod}
_NAMES = {int(number): method for method, number in _METHODS.items()}


class Consensus:
    """`client.consensus`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = ConsensusServiceStub(link.channel)

    async def policy(self, project: str) -> ConsensusPolicy:
        """How the project's answers are compared."""
        request = pb2.GetConsensusPolicyRequest(parent=names.project_name(project))
        call = partial(self._link.unary, self._stub.GetConsensusPolicy, request, repeatable=True)
        return _policy_from_pb((await self._arrival.of(project, call)).policy)

    async def set_policy(self, project: str, policy: ConsensusPolicy) -> ConsensusPolicy:
        """Change it for answers that are complete from now on; reason POLICY_INVALID for a number out of range."""
        request = pb2.UpdateConsensusPolicyRequest(
            parent=names.project_name(project), policy=_policy_to_pb(policy)
        )
        call = partial(self._link.unary, self._stub.UpdateConsensusPolicy, request, repeatable=True)
        return _policy_from_pb((await self._arrival.of(project, call)).policy)

    async def compute(
        self,
        project: str,
        answers: Sequence[tuple[Asset, Sequence[Label]]] = (),
        *,
        policy: ConsensusPolicy | None = None,
        max_assets: int = 0,
    ) -> tuple[ConsensusResult, ...]:
        """Compare answers now; nothing is stored.

        `answers` are labels of one author each, of at most 1,000 assets; without any, those that the project stored
        last, of `max_assets` assets, 1 to 1,000, 0 meaning 200. Fewer come where a message cannot carry all.
        """
        request = pb2.ComputeConsensusRequest(
            parent=names.project_name(project),
            answers=[
                pb2.AssetAnswers(
                    asset=asset_to_pb(asset, project),
                    labels=[label_to_pb(label, project) for label in labels],
                )
                for asset, labels in answers
            ],
            policy=_policy_to_pb(policy) if policy else None,
            max_assets=max_assets,
        )
        call = partial(self._link.unary, self._stub.ComputeConsensus, request, repeatable=True)
        return tuple(map(_result_from_pb, (await self._arrival.of(project, call)).results))

    async def agreement(
        self, project: str, tool: str, *, start_time_us: int = 0, end_time_us: int = 0
    ) -> ToolAgreement:
        """How far people agree in a tool, over answers in a window of time, 0 being open."""
        request = pb2.GetAgreementRequest(
            parent=names.project_name(project),
            tool=tool,
            start_time_us=start_time_us,
            end_time_us=end_time_us,
        )
        call = partial(self._link.unary, self._stub.GetAgreement, request, repeatable=True)
        pb = await self._arrival.of(project, call)
        return ToolAgreement(
            alpha=_measure(pb.alpha),
            fleiss_kappa=_measure(pb.fleiss_kappa),
            pairs=tuple(PairAgreement(p.annotator, p.other, _measure(p.kappa)) for p in pb.pairs),
            exact_f1=_measure(pb.exact_f1),
            overlap_f1=_measure(pb.overlap_f1),
            iou=_measure(pb.iou),
            answers=pb.answers,
        )

    async def annotators(
        self,
        project: str,
        tool: str,
        *,
        method: ConsensusMethod | None = None,
        start_time_us: int = 0,
        end_time_us: int = 0,
    ) -> tuple[QualityByVotes, ...]:
        """How good each person is in a tool of single choice as all votes tell, the least first."""
        request = pb2.GetAnnotatorQualityRequest(
            parent=names.project_name(project),
            tool=tool,
            start_time_us=start_time_us,
            end_time_us=end_time_us,
            method=_METHODS[method] if method else pb2.CONSENSUS_METHOD_UNSPECIFIED,
        )
        call = partial(self._link.unary, self._stub.GetAnnotatorQuality, request, repeatable=True)
        return tuple(
            QualityByVotes(
                pb.annotator,
                pb.votes,
                pb.accuracy,
                pb.lower,
                pb.upper,
                tuple((cell.truth, cell.said, cell.amount) for cell in pb.confusion),
            )
            for pb in (await self._arrival.of(project, call)).annotators
        )

    async def results(self, project: str, *, disputed: bool = False) -> AsyncIterator[ConsensusResult]:
        """What assets' answers came to, newest first; only those without an agreed label if asked for."""
        request = pb2.ListConsensusResultsRequest(
            parent=names.project_name(project), page_size=500, disputed=disputed
        )
        call = partial(self._link.unary, self._stub.ListConsensusResults, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for pb in page.results:
                yield _result_from_pb(pb)


def _policy_to_pb(policy: ConsensusPolicy) -> pb2.ConsensusPolicy:
    return pb2.ConsensusPolicy(
        method=_METHODS[policy.method],
        quorum=policy.quorum,
        iou=policy.iou,
        min_agreement=policy.min_agreement,
        min_confidence=policy.min_confidence,
        staple=policy.staple,
    )


def _policy_from_pb(pb: pb2.ConsensusPolicy) -> ConsensusPolicy:
    numbers = (pb.quorum, pb.iou, pb.min_agreement, pb.min_confidence)
    return ConsensusPolicy(_NAMES[pb.method], *numbers, staple=pb.staple, revision=pb.revision)


def _result_from_pb(pb: pb2.ConsensusResult) -> ConsensusResult:
    by_tool: Mapping[str, float] = dict(pb.agreement_by_tool)
    return ConsensusResult(
        asset_uid=names.parse(pb.asset, names.ASSET)[1],
        label=label_from_pb(pb.label) if pb.HasField("label") else None,
        method=pb.method,
        agreement=pb.agreement,
        confidence=pb.confidence,
        agreement_by_tool=by_tool,
        disputes=tuple(Dispute(d.tool, d.category, d.support, d.answers) for d in pb.disputes),
        answers=pb.answers,
        create_time_us=pb.create_time_us,
    )


def _measure(pb: pb2.AgreementMeasure) -> AgreementMeasure:
    def said(name: str) -> float | None:
        return getattr(pb, name) if pb.HasField(name) else None  # type: ignore[arg-type]

    return AgreementMeasure(said("value"), said("lower"), said("upper"), pb.n)
