"""ConsensusService on the wire."""

import asyncio
from typing import Any

import grpc

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import fitting, page
from labelmesh.qa.v1 import consensus_service_pb2 as pb2
from labelmesh.qa.v1.consensus_service_pb2_grpc import ConsensusServiceServicer
from labels.names import parse_project
from qa_engine import projects
from qa_engine.consensus import answers, policies, results, wire
from qa_engine.consensus.comparing import AssetAnswers, agreement_in, compare, quality_in
from qa_engine.consensus.policy import Policy
from qa_engine.errors import VotesInvalid
from qa_engine.projects import Project

Context = grpc.aio.ServicerContext[Any, Any]
MAX_ASSETS = 1_000
DEFAULT_ASSETS = 200
MAX_ANNOTATORS = 1_000


class ConsensusServicer(ConsensusServiceServicer):
    """Translates between the wire and consensus; every call sees only the caller's tenant."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Estimates over 10,000 answers take a core each.
        self._estimates = asyncio.Semaphore(2)

    async def GetConsensusPolicy(
        self, request: pb2.GetConsensusPolicyRequest, context: Context
    ) -> pb2.GetConsensusPolicyResponse:
        """What holds."""
        _, policy = await self._project(request.parent)
        return pb2.GetConsensusPolicyResponse(policy=wire.policy_to_pb(policy))

    async def UpdateConsensusPolicy(
        self, request: pb2.UpdateConsensusPolicyRequest, context: Context
    ) -> pb2.UpdateConsensusPolicyResponse:
        """Change it."""
        project_id, policy = parse_project(request.parent), wire.policy_from_pb(request.policy)
        async with self._db.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id, lock=True)
            now = await policies.change(conn, project.uid, policy)
        return pb2.UpdateConsensusPolicyResponse(policy=wire.policy_to_pb(now))

    async def ComputeConsensus(
        self, request: pb2.ComputeConsensusRequest, context: Context
    ) -> pb2.ComputeConsensusResponse:
        """Compare answers now."""
        project, policy = await self._project(request.parent)
        if request.HasField("policy"):
            policy = wire.policy_from_pb(request.policy)
        size = _size(request)
        assets = wire.answers_from_pb(request.answers) or await self._answers(project)
        async with self._estimates:
            found = await asyncio.to_thread(compare, assets, project.ontology, policy)
        pairs = zip(assets[:size], found, strict=False)
        shown = [wire.resolution_to_pb(asset, one, policy, project) for asset, one in pairs]
        fits = fitting(one.ByteSize() for one in shown)
        return pb2.ComputeConsensusResponse(results=shown[:fits], omitted=len(shown) - fits)

    async def GetAgreement(
        self, request: pb2.GetAgreementRequest, context: Context
    ) -> pb2.GetAgreementResponse:
        """How far people agree in a tool."""
        project, _ = await self._project(request.parent)
        tool = project.ontology.tool(request.tool)
        assets = await self._answers(project, request.start_time_us, request.end_time_us)
        async with self._estimates:
            found = await asyncio.to_thread(agreement_in, assets, tool)
        return wire.agreement_to_pb(found, sum(len(asset.answers) for asset in assets))

    async def GetAnnotatorQuality(
        self, request: pb2.GetAnnotatorQualityRequest, context: Context
    ) -> pb2.GetAnnotatorQualityResponse:
        """How good each person is in a tool."""
        project, policy = await self._project(request.parent)
        tool, method = project.ontology.tool(request.tool), wire.method_from_pb(request.method, policy.method)
        assets = await self._answers(project, request.start_time_us, request.end_time_us)
        async with self._estimates:
            found, votes = await asyncio.to_thread(quality_in, assets, tool, method)
        worst_first = sorted(found, key=lambda quality: (quality.accuracy, quality.annotator))[
            :MAX_ANNOTATORS
        ]
        return pb2.GetAnnotatorQualityResponse(
            annotators=[wire.quality_to_pb(quality, votes.categories) for quality in worst_first],
            answers=sum(len(asset.answers) for asset in assets),
        )

    async def ListConsensusResults(
        self, request: pb2.ListConsensusResultsRequest, context: Context
    ) -> pb2.ListConsensusResultsResponse:
        """A page of results, newest first."""
        project, _ = await self._project(request.parent)
        query = ("consensus", project.uid, str(request.disputed))
        asked = page(query, request.page_size, request.page_token, (str,))
        before = str(asked.after[0]) if asked.after else ""
        async with self._db.read() as conn:
            found = await results.page(conn, project.uid, before, asked.size + 1, disputed=request.disputed)
        shown, more = asked.cut(found, lambda r: wire.result_to_pb(r, project).ByteSize(), lambda r: (r.uid,))
        stored = [wire.result_to_pb(result, project) for result in shown]
        return pb2.ListConsensusResultsResponse(results=stored, next_page_token=more)

    async def _project(self, parent: str) -> tuple[Project, Policy]:
        project_id = parse_project(parent)
        async with self._db.read() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            return project, await policies.of(conn, project.uid)

    async def _answers(self, project: Project, start_us: int = 0, end_us: int = 0) -> list[AssetAnswers]:
        async with self._db.read() as conn:
            return await answers.recent(conn, project.uid, start_us, end_us)


def _size(request: pb2.ComputeConsensusRequest) -> int:
    """How many assets to answer about; raises VotesInvalid."""
    if not 0 <= request.max_assets <= MAX_ASSETS or len(request.answers) > MAX_ASSETS:
        raise VotesInvalid(f"1 to {MAX_ASSETS:,} assets are compared at once.")
    return len(request.answers) or request.max_assets or DEFAULT_ASSETS
