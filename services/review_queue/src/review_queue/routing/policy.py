"""A project's rules for its queue, as values and pure functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from review_queue.errors import FilterInvalid, QueuePolicyInvalid
from review_queue.filter import names, parse

MAX_ANSWERS = 25
MAX_POOLS = 32
MAX_MEMBERS = 1_000
MAX_ROUTES = 32
MAX_HOURS = 8_760.0
DEFAULT_SEND_BACK_HOURS = 72.0
MIN_LEASE_SECONDS = 5
MAX_LEASE_SECONDS = 86_400
POOL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
# What a task is routed by must not change with time or with who is at it.
_ROUTABLE = frozenset(
    {
        "author",
        "boost",
        "category",
        "confidence",
        "disagreement",
        "findings",
        "kind",
        "novelty",
        "prediction_error",
        "run",
        "severity",
        "weight",
    }
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Reviewers with a skill, by the names they log in with; tasks of a pool without members are for anyone."""

    name: str
    members: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """Tasks that the filter (AIP-160) holds for go to the pool."""

    pool: str
    filter: str


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How tasks reach people; the default is one answer by anyone.

    `answers` people answer a task, up to `max_answers` while they do not agree. With `four_eyes` a label by one person
    needs another's accept. The first route whose filter holds says the pool of a task that neither a rule nor a person
    sent to one. Tasks older than `sla_hours` (0: none) come first, and members of `sla_pool` may take them from any
    pool. What was sent back to a person is theirs alone for `send_back_hours`. `managers` alone may change the policy;
    without any everybody may. `revision` counts the changes.
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
    send_back_hours: float = DEFAULT_SEND_BACK_HOURS
    managers: frozenset[str] = frozenset()
    revision: int = 0

    @property
    def etag(self) -> str:
        """Changes with the policy."""
        return str(self.revision)

    @property
    def closed_pools(self) -> tuple[str, ...]:
        """Pools that only their members take tasks from."""
        return tuple(pool.name for pool in self.pools if pool.members)

    def forbidden(self, reviewer: str) -> tuple[str, ...]:
        """Pools that the reviewer may not take tasks from."""
        return tuple(p.name for p in self.pools if p.members and reviewer not in p.members)

    def overdue_before_us(self, now_us: int) -> int:
        """Tasks imported before this are overdue, microseconds since the epoch; 0 when none ever is."""
        return now_us - round(self.sla_hours * 3_600_000_000) if self.sla_hours else 0


DEFAULT = QueuePolicy()


def check_policy(policy: QueuePolicy) -> None:
    """Raise QueuePolicyInvalid or FilterInvalid with the first thing that is wrong."""
    if not 1 <= policy.answers <= policy.max_answers <= MAX_ANSWERS:
        raise QueuePolicyInvalid(f"Answers must be 1 to {MAX_ANSWERS}, and not more than the maximum.")
    # Written so that NaN fails.
    for hours in (policy.sla_hours, policy.send_back_hours):
        if not 0.0 <= hours <= MAX_HOURS:
            raise QueuePolicyInvalid("Hours must be 0 to 8,760.")
    if policy.lease_seconds and not MIN_LEASE_SECONDS <= policy.lease_seconds <= MAX_LEASE_SECONDS:
        raise QueuePolicyInvalid("A lease is for 5 to 86,400 seconds.")
    _check_pools(policy.pools)
    known = {pool.name for pool in policy.pools}
    for name in (policy.escalation_pool, policy.sla_pool, *(route.pool for route in policy.routes)):
        if name and name not in known:
            raise QueuePolicyInvalid(f'There is no pool "{name[:64]}" in the policy.')
    if len(policy.managers) > MAX_MEMBERS:
        raise QueuePolicyInvalid(f"A policy may have {MAX_MEMBERS:,} managers.")
    _check_routes(policy.routes)


def _check_pools(pools: Sequence[Pool]) -> None:
    if len(pools) > MAX_POOLS:
        raise QueuePolicyInvalid(f"A policy may have {MAX_POOLS} pools.")
    if len({pool.name for pool in pools}) < len(pools):
        raise QueuePolicyInvalid("Two pools have the same name.")
    for pool in pools:
        if not POOL_NAME.fullmatch(pool.name):
            raise QueuePolicyInvalid(
                "A pool's name must be 1 to 64 of a-z, 0-9, _ and -, starting with a letter."
            )
        if len(pool.members) > MAX_MEMBERS:
            raise QueuePolicyInvalid(f"A pool may have {MAX_MEMBERS:,} members.")


def _check_routes(routes: Sequence[Route]) -> None:
    if len(routes) > MAX_ROUTES:
        raise QueuePolicyInvalid(f"A policy may have {MAX_ROUTES} routes.")
    for number, route in enumerate(routes, 1):
        if not route.pool or not route.filter.strip():
            raise QueuePolicyInvalid(f"Route {number} needs a pool and a filter.")
        try:
            foreign = names(parse(route.filter)) - _ROUTABLE
        except FilterInvalid as error:
            raise FilterInvalid(f"Route {number}: {error}") from None
        if foreign:
            raise QueuePolicyInvalid(f"Route {number}: tasks cannot be routed by `{min(foreign)}`.")
