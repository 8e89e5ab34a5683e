"""The review queue: leasing tasks and answering them."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from ulid import ULID

from labelmesh.client import wire
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.client.queue_policy import (
    QueuePolicy,
    QueueView,
    policy_from_pb,
    policy_name,
    policy_to_pb,
    view_from_pb,
)
from labelmesh.client.task import Decision, Explanation, Lease, Task, TaskCounts, TaskState
from labelmesh.review.v1 import queue_policy_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.queue_policy_service_pb2_grpc import QueuePolicyServiceStub
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceStub
from labels import names
from labels.correction import CorrectionOp, diff
from labels.label import Annotation, Label
from labels.proto import correction_op_to_pb, label_from_pb


def quoted(text: str) -> str:
    """The text as a value in a filter: its quotes, backslashes and asterisks stand for themselves."""
    return '"' + re.sub(r'([\\"*])', r"\\\1", text) + '"'


class Queue:
    """`client.queue`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = QueueServiceStub(link.channel)
        self._policies = QueuePolicyServiceStub(link.channel)

    async def lease_next(
        self,
        project: str,
        max_tasks: int = 1,
        lease_seconds: int = 600,
        *,
        pool: str = "",
        filter: str = "",
    ) -> tuple[Lease, ...]:
        """Lease up to `max_tasks` (1 to 100) of the most urgent open tasks for 5 to 86,400 seconds, with
        a pool only of those that rules sent there.

        Empty when nothing is open. Not repeated on a lost connection: the first answer's leases would be
        forgotten.
        """
        request = queue_service_pb2.LeaseNextRequest(
            parent=names.project_name(project),
            max_tasks=max_tasks,
            lease_seconds=lease_seconds,
            pool=pool,
            filter=filter,
        )
        response = await self._link.unary(self._stub.LeaseNext, request, repeatable=False)
        return tuple(wire.lease_from_pb(pb) for pb in response.leases)

    async def renew(self, lease: Lease, lease_seconds: int = 600) -> int:
        """Let the lease end `lease_seconds` from now; returns that time in microseconds since the Unix epoch.

        Raises LabelmeshError with reason LEASE_LOST when it expired or belongs to someone else.
        """
        request = queue_service_pb2.RenewLeaseRequest(
            name=_name(lease.task), fencing_token=lease.fencing_token, lease_seconds=lease_seconds
        )
        response = await self._link.unary(self._stub.RenewLease, request, repeatable=True)
        return response.expire_time_us

    async def release(self, lease: Lease) -> None:
        """Give the task back unanswered."""
        request = queue_service_pb2.ReleaseLeaseRequest(
            name=_name(lease.task), fencing_token=lease.fencing_token
        )
        await self._link.unary(self._stub.ReleaseLease, request, repeatable=True)

    async def submit(
        self,
        lease: Lease,
        decision: Decision,
        *,
        ops: Sequence[CorrectionOp] = (),
        reason: str = "",
        active_seconds: float = 0.0,
        request_id: str = "",
        pool: str = "",
    ) -> Label | None:
        """Answer a leased task; the reviewed label, None after REJECT.

        The same `request_id` (made up when empty) again returns the first answer. Raises LabelmeshError with
        reason LEASE_LOST, or with code ABORTED when the label is no longer the one that was shown.
        """
        base = lease.task.label
        request = queue_service_pb2.SubmitReviewRequest(
            name=_name(lease.task),
            fencing_token=lease.fencing_token,
            base_etag=base.etag if base else "",
            decision=wire.decision_to_pb(decision),
            ops=[correction_op_to_pb(op) for op in ops],
            reason=reason,
            active_seconds=active_seconds,
            request_id=request_id or str(ULID()),
            pool=pool,
        )
        response = await self._link.unary(self._stub.SubmitReview, request, repeatable=True)
        return label_from_pb(response.label) if response.HasField("label") else None

    async def submit_final(
        self, lease: Lease, annotations: Sequence[Annotation], *, active_seconds: float = 0.0
    ) -> Label | None:
        """Answer with the right annotations.

        ACCEPT when they are those shown, else CORRECT with the changes.
        """
        base = lease.task.label
        ops = diff(base.annotations if base else (), annotations)
        decision = Decision.ACCEPT if base is not None and not ops else Decision.CORRECT
        return await self.submit(lease, decision, ops=ops, active_seconds=active_seconds)

    async def reject(self, lease: Lease, reason: str, *, active_seconds: float = 0.0) -> None:
        """Say that the asset cannot be labelled, and why (1 to 2,000 characters)."""
        await self.submit(lease, Decision.REJECT, reason=reason, active_seconds=active_seconds)

    async def send_back(self, lease: Lease, reason: str, *, pool: str = "") -> None:
        """Have the label made again by the person who made it, or by a pool, and say why (1 to 2,000 characters).

        Raises LabelmeshError with reason SEND_BACK_TO_NOBODY where no person made it and no pool is named.
        """
        await self.submit(lease, Decision.SEND_BACK, reason=reason, pool=pool)

    async def escalate(self, lease: Lease, reason: str, *, pool: str = "") -> None:
        """Leave the task to a pool with more say (empty: the policy's), and say why (1 to 2,000 characters)."""
        await self.submit(lease, Decision.ESCALATE, reason=reason, pool=pool)

    async def skip(self, lease: Lease) -> None:
        """Leave the task to others; this caller does not see it again for a day."""
        await self.submit(lease, Decision.SKIP)

    async def policy(self, project: str) -> QueuePolicy:
        """How the project's tasks reach people."""
        request = pb2.GetQueuePolicyRequest(name=policy_name(project))
        response = await self._link.unary(self._policies.GetQueuePolicy, request, repeatable=True)
        return policy_from_pb(response.policy)

    async def set_policy(self, project: str, policy: QueuePolicy) -> tuple[QueuePolicy, int]:
        """Replace the policy; as it is stored, and how many tasks belong to another pool for it.

        Raises LabelmeshError with reason QUEUE_POLICY_INVALID, FILTER_INVALID, POLICY_FORBIDDEN, or with code ABORTED
        when the etag is not that of the policy that is there.
        """
        request = pb2.UpdateQueuePolicyRequest(policy=policy_to_pb(project, policy))
        response = await self._link.unary(self._policies.UpdateQueuePolicy, request, repeatable=True)
        return policy_from_pb(response.policy), response.moved

    async def set_weights(self, project: str, weights: Mapping[str, float]) -> int:
        """Say anew what assets are worth, 0 to 1,000 by key, 1 to 1,000 of them; how many were worth something else.

        All of them or none. Raises LabelmeshError with reason WEIGHT_INVALID, ASSET_NOT_FOUND or POLICY_FORBIDDEN.
        """
        request = queue_service_pb2.SetBusinessWeightsRequest(
            parent=names.project_name(project),
            weights=[queue_service_pb2.BusinessWeight(key=k, weight=w) for k, w in weights.items()],
        )
        response = await self._link.unary(self._stub.SetBusinessWeights, request, repeatable=True)
        return response.changed

    async def watch(
        self, project: str, *, filter: str = "", head_size: int = 0, resume_token: str = ""
    ) -> AsyncIterator[QueueView]:
        """Counts and the first tasks (10, or 1 to 50), and again whenever they change.

        With the token of the last view only from the next change on. Raises LabelmeshError, also when the connection
        breaks.
        """
        request = queue_service_pb2.WatchQueueRequest(
            parent=names.project_name(project), filter=filter, head_size=head_size, resume_token=resume_token
        )
        async for response in self._link.stream(self._stub.WatchQueue, request):
            yield view_from_pb(response)

    async def count(self, project: str, filter: str = "") -> TaskCounts:
        """Tasks by state, all of them or those that the filter holds for (docs/queue.md)."""
        request = queue_service_pb2.CountTasksRequest(parent=names.project_name(project), filter=filter)
        response = await self._link.unary(self._stub.CountTasks, request, repeatable=True)
        return TaskCounts(response.waiting, response.open, response.leased, response.done)

    async def explain(self, project: str, task_uid: str) -> Explanation:
        """The priority of a task term by term; its uid is that of its asset."""
        request = queue_service_pb2.ExplainPriorityRequest(name=names.task_name(project, task_uid))
        response = await self._link.unary(self._stub.ExplainPriority, request, repeatable=True)
        return wire.explanation_from_pb(response)

    async def list(
        self,
        project: str,
        state: TaskState | None = None,
        *,
        filter: str = "",
        order_by: str = "",
        page_size: int = 0,
    ) -> AsyncIterator[Task]:
        """Tasks in priority order, or as `order_by` says; docs/queue.md has the fields of filters and orders.

        Without a state those that are not done; with a filter all that it holds for. Raises LabelmeshError with
        reason FILTER_INVALID or ORDER_INVALID and a message that names the place.
        """
        request = queue_service_pb2.ListTasksRequest(
            parent=names.project_name(project),
            state=wire.task_state_to_pb(state),
            page_size=page_size or _PAGE,
            filter=filter,
            order_by=order_by,
        )
        call = partial(self._link.unary, self._stub.ListTasks, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.tasks:
                yield wire.task_from_pb(pb)


# Tasks carry their texts (up to 16 KiB each) and a message may have 4 MiB.
_PAGE = 100


def _name(task: Task) -> str:
    return names.task_name(task.project, task.uid)
