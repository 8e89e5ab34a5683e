"""SQL room: all that there is to say about a project's assurance, on one page."""

from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.review.v1 import assurance_service_pb2 as pb2
from review_queue.assurance import certificates, fitting, policies, tallies
from review_queue.assurance.drift import Detector
from review_queue.assurance.policy import Stage
from review_queue.assurance.wire import counts_to_pb, fit_to_pb, policy_to_pb, stage_to_pb
from review_queue.project import Project

_WORSE = 3
"""The alarm's delay is told for errors that many times the target."""


async def overview(conn: AsyncConnection, project: Project) -> pb2.GetAssuranceResponse:
    """Policy, stage, newest fit and certificate, and where the tasks stand."""
    counts = counts_to_pb(await tallies.counts(conn, project))
    stored = await policies.find(conn, project.uid)
    if stored is None:
        return pb2.GetAssuranceResponse(stage=stage_to_pb(Stage.ASSISTED), counts=counts)
    fit = await fitting.newest(conn, project)
    target = stored.policy.target_error
    return pb2.GetAssuranceResponse(
        policy=policy_to_pb(stored),
        stage=stage_to_pb(stored.stage),
        stage_reason=stored.stage_reason,
        stage_time_us=stored.stage_time_us,
        fit=fit_to_pb(fit, project.project_id) if fit else None,
        counts=counts,
        certificate=await certificates.newest(conn, project),
        items_until_alarm=Detector(target).items_until_alarm(min(_WORSE * target, 1.0)),
    )
