"""What labels may be trusted for."""

from collections.abc import AsyncIterator
from functools import partial

from ulid import ULID

from labelmesh.client import wire_trust
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.client.trust import (
    AcceptancePolicy,
    Applied,
    AssuranceStatus,
    AutomationStage,
    Certificate,
    ThresholdFit,
)
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labels import names


class Assurance:
    """`client.assurance`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = AssuranceServiceStub(link.channel)

    async def status(self, project: str) -> AssuranceStatus:
        """Policy, stage, thresholds, certificate, and where the tasks stand."""
        request = pb2.GetAssuranceRequest(parent=names.project_name(project))
        response = await self._link.unary(self._stub.GetAssurance, request, repeatable=True)
        return wire_trust.status_from_pb(response)

    async def set_policy(self, project: str, policy: AcceptancePolicy) -> AcceptancePolicy:
        """Set the rules; code ABORTED when `policy.revision` is not the current one.

        Another target, delta or slicing withdraws the thresholds and goes back to ASSISTED.
        """
        request = pb2.SetAcceptancePolicyRequest(
            parent=names.project_name(project), policy=wire_trust.policy_to_pb(policy)
        )
        response = await self._link.unary(self._stub.SetAcceptancePolicy, request, repeatable=False)
        return wire_trust.policy_from_pb(response.policy)

    async def fit(self, project: str, run_uid: str = "") -> ThresholdFit:
        """Fit thresholds to the answered random sample, for a run or the one answered last.

        Raises LabelmeshError with reason EVIDENCE_MISSING when no answer counts yet.
        """
        request = pb2.FitThresholdsRequest(
            parent=names.project_name(project),
            prediction_run=names.run_name(project, run_uid) if run_uid else "",
        )
        response = await self._link.unary(self._stub.FitThresholds, request, repeatable=True)
        return wire_trust.fit_from_pb(response.fit)

    async def promote(self, project: str) -> AutomationStage:
        """One stage up; LabelmeshError with reason EVIDENCE_MISSING says what is missing."""
        request = pb2.PromoteAutomationRequest(parent=names.project_name(project))
        response = await self._link.unary(self._stub.PromoteAutomation, request, repeatable=False)
        return wire_trust.stage_from_pb(response.stage)

    async def demote(self, project: str, reason: str) -> AutomationStage:
        """Back to ASSISTED at once: nothing more is accepted unseen."""
        request = pb2.DemoteAutomationRequest(parent=names.project_name(project), reason=reason)
        response = await self._link.unary(self._stub.DemoteAutomation, request, repeatable=True)
        return wire_trust.stage_from_pb(response.stage)

    async def apply(self, project: str) -> AsyncIterator[Applied]:
        """Draw and accept among the tasks that are open already; the sums so far after each batch.

        What was done before a lost connection is done; call it again for the rest.
        """
        request = pb2.ApplyAcceptanceRequest(parent=names.project_name(project))
        async for pb in self._link.stream(self._stub.ApplyAcceptance, request):
            yield Applied(pb.looked_at, pb.drawn, pb.accepted)

    async def reopen(self, project: str, since_time_us: int = 0) -> int:
        """Open again what was accepted unseen since a time, microseconds since the Unix epoch; how many.

        0: since the evidence was last good.
        """
        request = pb2.ReopenAutoAcceptedRequest(
            parent=names.project_name(project), since_time_us=since_time_us
        )
        response = await self._link.unary(
            self._stub.ReopenAutoAccepted, request, repeatable=True, deadline_s=600
        )
        return response.reopened

    async def certify(self, project: str, *, request_id: str = "") -> Certificate:
        """State what the labels may be trusted for now; the same `request_id` again returns the first answer."""
        request = pb2.IssueCertificateRequest(
            parent=names.project_name(project), request_id=request_id or str(ULID())
        )
        response = await self._link.unary(self._stub.IssueCertificate, request, repeatable=True)
        return wire_trust.certificate_from_pb(response.certificate)

    async def certificate(self, project: str, uid: str) -> Certificate:
        """One certificate."""
        request = pb2.GetCertificateRequest(name=names.certificate_name(project, uid))
        response = await self._link.unary(self._stub.GetCertificate, request, repeatable=True)
        return wire_trust.certificate_from_pb(response.certificate)

    async def certificates(self, project: str) -> AsyncIterator[Certificate]:
        """The project's certificates, newest first."""
        request = pb2.ListCertificatesRequest(parent=names.project_name(project))
        call = partial(self._link.unary, self._stub.ListCertificates, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.certificates:
                yield wire_trust.certificate_from_pb(pb)
