"""AssuranceService on the wire."""

from collections.abc import AsyncIterator

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceServicer
from labels.names import CERTIFICATE, RUN, parse, parse_project
from review_queue import projects
from review_queue.assurance import acceptance, automation, certificates, fitting, policies
from review_queue.assurance.overview import overview
from review_queue.assurance.wire import fit_to_pb, policy_from_pb, policy_to_pb, stage_to_pb
from review_queue.errors import RunForeign
from review_queue.project import Project
from review_queue.servicer.once import once


class AssuranceServicer(AssuranceServiceServicer):
    """What labels may be trusted for."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def SetAcceptancePolicy(
        self,
        request: pb2.SetAcceptancePolicyRequest,
        context: ServicerContext[pb2.SetAcceptancePolicyRequest, pb2.SetAcceptancePolicyResponse],
    ) -> pb2.SetAcceptancePolicyResponse:
        """Set the rules of automatic acceptance."""
        project = await self._project(request.parent)
        policy, seen = policy_from_pb(request.policy), request.policy.revision
        async with self._db.begin() as conn:
            stored = await policies.put(conn, project, policy, seen, caller().actor)
        return pb2.SetAcceptancePolicyResponse(policy=policy_to_pb(stored))

    async def GetAssurance(
        self,
        request: pb2.GetAssuranceRequest,
        context: ServicerContext[pb2.GetAssuranceRequest, pb2.GetAssuranceResponse],
    ) -> pb2.GetAssuranceResponse:
        """Say where a project stands."""
        project = await self._project(request.parent)
        async with self._db.read() as conn:
            return await overview(conn, project)

    async def FitThresholds(
        self,
        request: pb2.FitThresholdsRequest,
        context: ServicerContext[pb2.FitThresholdsRequest, pb2.FitThresholdsResponse],
    ) -> pb2.FitThresholdsResponse:
        """Fit thresholds to the answered random sample."""
        project = await self._project(request.parent)
        run_uid = _run_uid(request.prediction_run, project.project_id)
        found = await fitting.fit_thresholds(self._db, project, run_uid)
        return pb2.FitThresholdsResponse(fit=fit_to_pb(found, project.project_id))

    async def PromoteAutomation(
        self,
        request: pb2.PromoteAutomationRequest,
        context: ServicerContext[pb2.PromoteAutomationRequest, pb2.PromoteAutomationResponse],
    ) -> pb2.PromoteAutomationResponse:
        """Go one stage up."""
        project = await self._project(request.parent)
        stage = await automation.promote(self._db, project, caller().actor)
        return pb2.PromoteAutomationResponse(stage=stage_to_pb(stage))

    async def DemoteAutomation(
        self,
        request: pb2.DemoteAutomationRequest,
        context: ServicerContext[pb2.DemoteAutomationRequest, pb2.DemoteAutomationResponse],
    ) -> pb2.DemoteAutomationResponse:
        """Go back to the first stage."""
        project = await self._project(request.parent)
        stage = await automation.demote(self._db, project, request.reason, caller().actor)
        return pb2.DemoteAutomationResponse(stage=stage_to_pb(stage))

    async def ApplyAcceptance(
        self,
        request: pb2.ApplyAcceptanceRequest,
        context: ServicerContext[pb2.ApplyAcceptanceRequest, pb2.ApplyAcceptanceResponse],
    ) -> AsyncIterator[pb2.ApplyAcceptanceResponse]:
        """Draw and accept among the tasks that are open already."""
        project = await self._project(request.parent)
        async for done in acceptance.apply(self._db, project):
            yield pb2.ApplyAcceptanceResponse(
                looked_at=done.looked_at, drawn=done.drawn, accepted=done.accepted
            )

    async def ReopenAutoAccepted(
        self,
        request: pb2.ReopenAutoAcceptedRequest,
        context: ServicerContext[pb2.ReopenAutoAcceptedRequest, pb2.ReopenAutoAcceptedResponse],
    ) -> pb2.ReopenAutoAcceptedResponse:
        """Open again what was accepted unseen."""
        project = await self._project(request.parent)
        reopened = await automation.reopen(self._db, project, request.since_time_us)
        return pb2.ReopenAutoAcceptedResponse(reopened=reopened)

    async def IssueCertificate(
        self,
        request: pb2.IssueCertificateRequest,
        context: ServicerContext[pb2.IssueCertificateRequest, pb2.IssueCertificateResponse],
    ) -> pb2.IssueCertificateResponse:
        """State what the labels may be trusted for."""
        project = await self._project(request.parent)
        issued = await certificates.issue(self._db, project, once(request))
        return pb2.IssueCertificateResponse(certificate=issued)

    async def GetCertificate(
        self,
        request: pb2.GetCertificateRequest,
        context: ServicerContext[pb2.GetCertificateRequest, pb2.GetCertificateResponse],
    ) -> pb2.GetCertificateResponse:
        """Return a certificate."""
        project_id, uid = parse(request.name, CERTIFICATE)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            return pb2.GetCertificateResponse(certificate=await certificates.get(conn, project, uid))

    async def ListCertificates(
        self,
        request: pb2.ListCertificatesRequest,
        context: ServicerContext[pb2.ListCertificatesRequest, pb2.ListCertificatesResponse],
    ) -> pb2.ListCertificatesResponse:
        """List certificates."""
        query = ("certificates", caller().tenant, request.parent)
        asked = page(query, request.page_size, request.page_token, (str,))
        project = await self._project(request.parent)
        async with self._db.read() as conn:
            found, token = await certificates.some(conn, project, asked)
        return pb2.ListCertificatesResponse(certificates=found, next_page_token=token)

    async def _project(self, parent: str) -> Project:
        return await projects.read(self._db, caller().tenant, parse_project(parent))


def _run_uid(name: str, project_id: str) -> str:
    if not name:
        return ""
    of, uid = parse(name, RUN)
    if of != project_id:
        raise RunForeign
    return uid
