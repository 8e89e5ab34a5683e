"""A queue's policy on the wire, and as it is stored: the same message."""

from dataclasses import replace
from functools import lru_cache

from labelmesh.review.v1 import queue_policy_service_pb2 as pb2
from labels.names import project_name
from review_queue.routing.policy import DEFAULT, DEFAULT_SEND_BACK_HOURS, Pool, QueuePolicy, Route


def policy_to_pb(policy: QueuePolicy, project_id: str) -> pb2.QueuePolicy:
    """The policy of the project of that id."""
    return pb2.QueuePolicy(
        name=f"{project_name(project_id)}/queuePolicy",
        etag=policy.etag,
        answers=policy.answers,
        max_answers=policy.max_answers,
        four_eyes=policy.four_eyes,
        pools=(pb2.Pool(pool=pool.name, members=sorted(pool.members)) for pool in policy.pools),
        routes=(pb2.Route(pool=route.pool, filter=route.filter) for route in policy.routes),
        escalation_pool=policy.escalation_pool,
        sla_hours=policy.sla_hours,
        sla_pool=policy.sla_pool,
        lease_seconds=policy.lease_seconds,
        send_back_hours=policy.send_back_hours,
        managers=sorted(policy.managers),
    )


def policy_from_pb(pb: pb2.QueuePolicy) -> QueuePolicy:
    """What a message says, unchecked; a number that is not set has its default."""
    answers = pb.answers or 1
    return QueuePolicy(
        answers=answers,
        max_answers=pb.max_answers or answers,
        four_eyes=pb.four_eyes,
        pools=tuple(Pool(pool.pool, frozenset(pool.members)) for pool in pb.pools),
        routes=tuple(Route(route.pool, route.filter) for route in pb.routes),
        escalation_pool=pb.escalation_pool,
        sla_hours=pb.sla_hours,
        sla_pool=pb.sla_pool,
        lease_seconds=pb.lease_seconds,
        send_back_hours=pb.send_back_hours if pb.HasField("send_back_hours") else DEFAULT_SEND_BACK_HOURS,
        managers=frozenset(pb.managers),
    )


# Every call needs its project's policy, which may name many people.
@lru_cache(maxsize=256)
def _parsed(body: bytes) -> QueuePolicy:
    return policy_from_pb(pb2.QueuePolicy.FromString(body))


def policy_from_body(body: bytes | str, revision: int) -> QueuePolicy:
    """The policy of a row; a column's default is a text on SQLite."""
    return (
        replace(_parsed(bytes(body)), revision=revision)
        if revision and not isinstance(body, str)
        else DEFAULT
    )
