"""A queue's policy, and what watching a queue tells."""

from dataclasses import dataclass

from labelmesh.client.task import TaskCounts
from labelmesh.review.v1 import queue_policy_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labels import names


@dataclass(frozen=True, slots=True)
class Pool:
    """Reviewers with a skill, by the names they log in with; without members its tasks are for anyone."""

    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Tasks that the filter (docs/queue.md) holds for go to the pool."""

    pool: str
    filter: str


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How the tasks of a project reach people.

    `answers` people (1 to 25) answer a task, up to `max_answers` while they do not agree; with `four_eyes` a
    label by one person needs another's accept. The first route that holds says the pool of a task. Tasks older
    than `sla_hours` (0: none) come first, and members of `sla_pool` may take them from any pool. `lease_seconds`
    0 means 600. Only `managers` may change the policy, everybody where there are none. `etag` proves what was
    seen; empty replaces whichever there is.
    """

    answers: int = 1
    max_answers: int = 1
    four_eyes: bool = False
    pools: tuple[Pool, ...] = ()
    routes: tuple[Route, ...] = ()
    escalation_pool: str = ""
    sla_hours: float = 0.0
    sla_pool: str = ""
    lease_seconds: int = 0
    send_back_hours: float = 72.0
    managers: tuple[str, ...] = ()
    etag: str = ""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One of the first tasks of a queue; its priority is as of when it was told."""

    task_uid: str
    key: str
    priority: float
    pool: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue at `time_us`, microseconds since the Unix epoch; `resume_token` stands for what this says."""

    counts: TaskCounts
    head: tuple[QueueEntry, ...]
    time_us: int
    resume_token: str


def policy_name(project: str) -> str:
    """`projects/{project}/queuePolicy`."""
    return f"{names.project_name(project)}/queuePolicy"


def policy_from_pb(pb: pb2.QueuePolicy) -> QueuePolicy:
    """A queue's policy."""
    return QueuePolicy(
        answers=pb.answers,
        max_answers=pb.max_answers,
        four_eyes=pb.four_eyes,
        pools=tuple(Pool(pool.pool, tuple(pool.members)) for pool in pb.pools),
        routes=tuple(Route(route.pool, route.filter) for route in pb.routes),
        escalation_pool=pb.escalation_pool,
        sla_hours=pb.sla_hours,
        sla_pool=pb.sla_pool,
        lease_seconds=pb.lease_seconds,
        send_back_hours=pb.send_back_hours,
        managers=tuple(pb.managers),
        etag=pb.etag,
    )


def policy_to_pb(project: str, policy: QueuePolicy) -> pb2.QueuePolicy:
    """The project's policy as a message."""
    return pb2.QueuePolicy(
        name=policy_name(project),
        etag=policy.etag,
        answers=policy.answers,
        max_answers=policy.max_answers,
        four_eyes=policy.four_eyes,
        pools=(pb2.Pool(pool=pool.name, members=pool.members) for pool in policy.pools),
        routes=(pb2.Route(pool=route.pool, filter=route.filter) for route in policy.routes),
        escalation_pool=policy.escalation_pool,
        sla_hours=policy.sla_hours,
        sla_pool=policy.sla_pool,
        lease_seconds=policy.lease_seconds,
        send_back_hours=policy.send_back_hours,
        managers=policy.managers,
    )


def view_from_pb(pb: queue_service_pb2.WatchQueueResponse) -> QueueView:
    """What a watcher was told."""
    n = pb.counts
    return QueueView(
        counts=TaskCounts(n.waiting, n.open, n.leased, n.done),
        head=tuple(
            QueueEntry(names.parse(entry.name, names.TASK)[1], entry.key, entry.priority, entry.pool)
            for entry in pb.head
        ),
        time_us=pb.time_us,
        resume_token=pb.resume_token,
    )
