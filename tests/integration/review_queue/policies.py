"""What tests of queue policies share."""

from typing import Any

from labelmesh.review.v1 import queue_policy_service_pb2 as policy_pb
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.queue_policy_service_pb2_grpc import QueuePolicyServiceStub
from labels.correction import Relabel
from labels.proto import correction_op_to_pb

BOB, CAT, DAN = "bob", "reviewer-01", "reviewer-02"
POLITICS = (correction_op_to_pb(Relabel("a0", "politics")),)


async def put(house: Any, actor: str = "ann", **fields: Any) -> policy_pb.UpdateQueuePolicyResponse:
    """Set the policy of projects/news as Ann, or somebody."""
    policy = policy_pb.QueuePolicy(name="projects/news/queuePolicy", **fields)
    request = policy_pb.UpdateQueuePolicyRequest(policy=policy)
    stub = QueuePolicyServiceStub(house.channel)
    return await stub.UpdateQueuePolicy(request, metadata=house.as_actor(actor))


async def three_predictions(house: Any) -> Any:
    """A project with predictions for k0, k1 and k2, the later the more doubtful."""
    project = await house.project()
    assets = await house.import_texts("one", "two", "three")
    await house.deliver(project, *(house.prediction(a, 0.9 - i / 10) for i, a in enumerate(assets)))
    return project


async def one(house: Any, actor: str, **fields: Any) -> Any:
    """The task that the person gets next, or None."""
    request = queue_service_pb2.LeaseNextRequest(parent="projects/news", **fields)
    leases = (await house.queue.LeaseNext(request, metadata=house.as_actor(actor))).leases
    return leases[0] if leases else None


async def task(house: Any, key: str) -> Any:
    """The task of that key as it is now."""
    (found,) = await house.tasks(filter=f'key = "{key}"')
    return found
