"""QueueService on the wire."""

from collections.abc import AsyncIterator, Sequence

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import MAX_BYTES, page
from labelmesh.review.v1 import queue_service_pb2 as pb2
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceServicer
from labels.names import TASK, parse, parse_project, task_name
from review_queue import answers, counts, explanation, listing, projects, queue
from review_queue.errors import RequestInvalid
from review_queue.explanation import Explanation
from review_queue.priority import priority
from review_queue.project import Project
from review_queue.queue import Lease, Wanted
from review_queue.ranking import weighing
from review_queue.review import TaskState
from review_queue.routing.watching import View, Watched, Watching
from review_queue.servicer.inline import inline
from review_queue.servicer.once import once
from review_queue.shown import Shown
from review_queue.wire import submission_from_pb, weights_from_pb


class QueueServicer(QueueServiceServicer):
    """The review queue of each project."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs
        self._watching = Watching(db)

    async def LeaseNext(
        self,
        request: pb2.LeaseNextRequest,
        context: ServicerContext[pb2.LeaseNextRequest, pb2.LeaseNextResponse],
    ) -> pb2.LeaseNextResponse:
        """Lease the next tasks."""
        project, leases = await queue.lease_next(
            self._db,
            caller().tenant,
            parse_project(request.parent),
            caller().actor,
            Wanted(request.max_tasks, request.lease_seconds, request.pool, request.filter),
        )
        await self._inline(project, leases)
        return pb2.LeaseNextResponse(leases=(_lease(project, lease) for lease in leases))

    async def _inline(self, project: Project, leases: Sequence[Lease]) -> None:
        """Put long texts in as far as the answer can carry them; behind that they stay references."""
        room = MAX_BYTES - sum(lease.task.size for lease in leases)
        for lease in leases:
            size = lease.task.asset.text_ref.size_bytes
            if 0 < size <= room:
                room -= size
                await inline(self._blobs.of(project.tenant), lease.task.asset)

    async def RenewLease(
        self,
        request: pb2.RenewLeaseRequest,
        context: ServicerContext[pb2.RenewLeaseRequest, pb2.RenewLeaseResponse],
    ) -> pb2.RenewLeaseResponse:
        """Extend a lease."""
        project_id, uid = parse(request.name, TASK)
        project = await self._project(project_id)
        expire = await queue.renew(
            self._db, project, uid, caller().actor, request.fencing_token, request.lease_seconds
        )
        return pb2.RenewLeaseResponse(expire_time_us=expire)

    async def ReleaseLease(
        self,
        request: pb2.ReleaseLeaseRequest,
        context: ServicerContext[pb2.ReleaseLeaseRequest, pb2.ReleaseLeaseResponse],
    ) -> pb2.ReleaseLeaseResponse:
        """Give a task back."""
        project_id, uid = parse(request.name, TASK)
        project = await self._project(project_id)
        await queue.release(self._db, project, uid, caller().actor, request.fencing_token)
        return pb2.ReleaseLeaseResponse()

    async def SubmitReview(
        self,
        request: pb2.SubmitReviewRequest,
        context: ServicerContext[pb2.SubmitReviewRequest, pb2.SubmitReviewResponse],
    ) -> pb2.SubmitReviewResponse:
        """Answer a task."""
        project_id, uid = parse(request.name, TASK)
        submission, name = submission_from_pb(request, caller().actor), (caller().tenant, project_id)
        label = await answers.submit(self._db, self._blobs, name, uid, submission, once(request))
        return pb2.SubmitReviewResponse(label=label)

    async def CountTasks(
        self,
        request: pb2.CountTasksRequest,
        context: ServicerContext[pb2.CountTasksRequest, pb2.CountTasksResponse],
    ) -> pb2.CountTasksResponse:
        """Count tasks by state."""
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
            if request.filter.strip():
                n = await listing.count(conn, project, request.filter, now_us())
            else:
                n = await counts.count(conn, project, now_us())
        return pb2.CountTasksResponse(waiting=n.waiting, open=n.open, leased=n.leased, done=n.done)

    async def ListTasks(
        self,
        request: pb2.ListTasksRequest,
        context: ServicerContext[pb2.ListTasksRequest, pb2.ListTasksResponse],
    ) -> pb2.ListTasksResponse:
        """List tasks."""
        query = listing.query(request.filter, request.order_by, _state(request.state))
        asked = page(_identity(request), request.page_size, request.page_token, query.cursor)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
            found, token = await listing.some(conn, project, query, asked, now_us())
        return pb2.ListTasksResponse(tasks=(_task(project, task) for task in found), next_page_token=token)

    async def ExplainPriority(
        self,
        request: pb2.ExplainPriorityRequest,
        context: ServicerContext[pb2.ExplainPriorityRequest, pb2.ExplainPriorityResponse],
    ) -> pb2.ExplainPriorityResponse:
        """Explain a task's place."""
        project_id, uid = parse(request.name, TASK)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            return _explanation(await explanation.explain(conn, project, uid, now_us()))

    async def WatchQueue(
        self,
        request: pb2.WatchQueueRequest,
        context: ServicerContext[pb2.WatchQueueRequest, pb2.WatchQueueResponse],
    ) -> AsyncIterator[pb2.WatchQueueResponse]:
        """Tell counts and the first tasks, and again whenever they change."""
        project = await self._project(parse_project(request.parent))
        watched = Watched(project.tenant, project.project_id, request.filter, request.head_size)
        async for view in self._watching.views(watched, request.resume_token):
            yield _view(project, view)

    async def SetBusinessWeights(
        self,
        request: pb2.SetBusinessWeightsRequest,
        context: ServicerContext[pb2.SetBusinessWeightsRequest, pb2.SetBusinessWeightsResponse],
    ) -> pb2.SetBusinessWeightsResponse:
        """Say anew what assets are worth."""
        project_id = parse_project(request.parent)
        weights = weights_from_pb(request.weights)
        changed = await weighing.weigh(self._db, caller().tenant, project_id, weights, caller().actor)
        return pb2.SetBusinessWeightsResponse(changed=changed)

    async def _project(self, project_id: str) -> Project:
        return await projects.read(self._db, caller().tenant, project_id)


def _state(number: int) -> TaskState | None:
    try:
        return TaskState(number) if number else None
    except ValueError:
        raise RequestInvalid("The task state is unknown.") from None


def _identity(request: pb2.ListTasksRequest) -> tuple[str, ...]:
    """What a page token of this list is bound to."""
    return ("tasks", caller().tenant, request.parent, str(request.state), request.filter, request.order_by)


def _explanation(found: Explanation) -> pb2.ExplainPriorityResponse:
    return pb2.ExplainPriorityResponse(
        priority=found.priority,
        terms=(
            pb2.PriorityTerm(
                name=term.name, weight=term.weight, value=term.value, contribution=term.contribution
            )
            for term in found.terms
        ),
        rank=found.rank,
        state=pb2.TaskState.ValueType(int(found.state)),
        ahead=found.ahead,
        time_us=found.time_us,
    )


def _view(project: Project, view: View) -> pb2.WatchQueueResponse:
    n = view.counts
    return pb2.WatchQueueResponse(
        counts=pb2.CountTasksResponse(waiting=n.waiting, open=n.open, leased=n.leased, done=n.done),
        head=(
            pb2.QueueEntry(
                name=task_name(project.project_id, entry.uid),
                key=entry.key,
                priority=entry.priority,
                pool=entry.pool,
            )
            for entry in view.head
        ),
        time_us=view.time_us,
        resume_token=view.token,
    )


def _sent(task: Shown) -> pb2.Sent | None:
    if not task.sent.by:
        return None
    return pb2.Sent(by=task.sent.by, to=task.sent.to, reason=task.sent.reason)


def _overdue(project: Project, task: Shown, now_us: int) -> bool:
    open_still = task.state in (TaskState.OPEN, TaskState.LEASED)
    return open_still and task.terms.create_time_us < project.routing.overdue_before_us(now_us)


def _lease(project: Project, lease: Lease) -> pb2.Lease:
    return pb2.Lease(
        task=_task(project, lease.task),
        fencing_token=lease.fencing_token,
        expire_time_us=lease.expire_time_us,
    )


def _task(project: Project, task: Shown) -> pb2.Task:
    now = now_us()
    return pb2.Task(
        name=task_name(project.project_id, task.uid),
        asset=task.asset,
        label=task.label,
        findings=task.findings,
        state=pb2.TaskState.ValueType(int(task.state)),
        priority=priority(task.terms, project.definition.weights, now),
        terms=pb2.PriorityTerms(
            uncertainty=task.terms.uncertainty,
            severity=task.terms.severity,
            age_hours=task.terms.age_hours(now),
            boost=task.terms.boost,
            disagreement=task.terms.disagreement,
            business=task.terms.business,
            novelty=task.terms.novelty,
        ),
        reviewer=task.reviewer,
        prediction_error=task.prediction_error,
        pool=task.pool,
        answers=task.turn.answers,
        answers_wanted=task.turn.wanted,
        check=task.turn.stage > 0,
        sent=_sent(task),
        overdue=_overdue(project, task, now),
    )
