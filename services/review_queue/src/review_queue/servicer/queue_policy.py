"""QueuePolicyService on the wire."""

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from labelmesh.review.v1 import queue_policy_service_pb2 as pb2
from labelmesh.review.v1.queue_policy_service_pb2_grpc import QueuePolicyServiceServicer
from labels.names import QUEUE_POLICY, parse
from review_queue import projects
from review_queue.routing import policies
from review_queue.routing.wire import policy_from_pb, policy_to_pb


class QueuePolicyServicer(QueuePolicyServiceServicer):
    """How the tasks of each project reach people."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def GetQueuePolicy(
        self,
        request: pb2.GetQueuePolicyRequest,
        context: ServicerContext[pb2.GetQueuePolicyRequest, pb2.GetQueuePolicyResponse],
    ) -> pb2.GetQueuePolicyResponse:
        """Return a policy."""
        (project_id,) = parse(request.name, QUEUE_POLICY)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
        return pb2.GetQueuePolicyResponse(policy=policy_to_pb(project.routing, project_id))

    async def UpdateQueuePolicy(
        self,
        request: pb2.UpdateQueuePolicyRequest,
        context: ServicerContext[pb2.UpdateQueuePolicyRequest, pb2.UpdateQueuePolicyResponse],
    ) -> pb2.UpdateQueuePolicyResponse:
        """Replace a policy."""
        (project_id,) = parse(request.policy.name, QUEUE_POLICY)
        wanted, etag = policy_from_pb(request.policy), request.policy.etag
        stored, moved = await policies.put(
            self._db, caller().tenant, project_id, wanted, etag, caller().actor
        )
        return pb2.UpdateQueuePolicyResponse(policy=policy_to_pb(stored, project_id), moved=moved)
