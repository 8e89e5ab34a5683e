"""SQL room: watching queues.

Whoever watches the same thing shares one look at the database, so a hundred people who watch a project cost as much as
one; and nobody looks while nobody watches.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from review_queue import counts, listing, projects, tables
from review_queue.conditions import condition, in_state, moment
from review_queue.conditions import pool as pool_of
from review_queue.counts import Counts
from review_queue.errors import RequestInvalid, WatchesExhausted
from review_queue.filter import parse
from review_queue.priority import priority
from review_queue.project import Project
from review_queue.ranking.terms import COLUMNS, terms_of
from review_queue.review import TaskState

MAX_WATCHED = 200
MAX_HEAD = 50
DEFAULT_HEAD = 10
_LOOK_SECONDS = 0.5
_FILTERED_LOOK_SECONDS = 2.0
_t, _a = tables.tasks.c, tables.assets.c


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched: tasks of a tenant's project that the filter (AIP-160) holds for, `head_size` of them by name."""

    tenant: str
    project_id: str
    filter: str = ""
    head_size: int = 0

    @property
    def pause_seconds(self) -> float:
        """Between two looks; what a filter costs grows with the project."""
        return _FILTERED_LOOK_SECONDS if self.filter.strip() else _LOOK_SECONDS


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the first tasks, with its priority as of the look."""

    uid: str
    key: str
    priority: float
    pool: str


@dataclass(frozen=True, slots=True)
class View:
    """A queue at `time_us`, microseconds since the epoch; `token` stands for what it says, the time aside."""

    counts: Counts
    head: tuple[Entry, ...]
    time_us: int
    token: str


@dataclass(slots=True)
class _Look:
    """The shared look of all who watch the same: what it saw last, or why it sees nothing any more."""

    turned: asyncio.Condition = field(default_factory=asyncio.Condition)
    view: View | None = None
    failure: Exception | None = None
    watchers: int = 0
    task: asyncio.Task[None] | None = None


class Watching:
    """Everything that is watched in this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._looks: dict[Watched, _Look] = {}

    async def views(self, watched: Watched, seen: str) -> AsyncIterator[View]:
        """The queue as it is (unless `seen` is the token of just that), and then whenever it is different.

        A watcher that is slow misses what came between. Raises FilterInvalid, RequestInvalid, ProjectNotFound,
        WatchesExhausted, or what the database raises.
        """
        parse(watched.filter)
        if not 0 <= watched.head_size <= MAX_HEAD:
            raise RequestInvalid(f"The head of a queue is 1 to {MAX_HEAD} tasks.")
        look = self._join(watched)
        try:
            while True:
                async with look.turned:
                    await look.turned.wait_for(partial(_news, look, seen))
                if look.failure is not None:
                    raise look.failure
                if look.view is not None:
                    seen = look.view.token
                    yield look.view
        finally:
            self._leave(watched, look)

    def _join(self, watched: Watched) -> _Look:
        look = self._looks.get(watched)
        if look is None:
            if len(self._looks) >= MAX_WATCHED:
                raise WatchesExhausted
            look = self._looks[watched] = _Look()
            look.task = asyncio.create_task(self._keep_looking(watched, look))
        look.watchers += 1
        return look

    def _leave(self, watched: Watched, look: _Look) -> None:
        look.watchers -= 1
        if not look.watchers:
            if self._looks.get(watched) is look:
                del self._looks[watched]
            if look.task is not None:
                look.task.cancel()

    async def _keep_looking(self, watched: Watched, look: _Look) -> None:
        while True:
            try:
                async with self._db.read() as conn:
                    project = await projects.get(conn, watched.tenant, watched.project_id)
                    view = await _view(conn, project, watched, now_us())
            except Exception as error:  # noqa: BLE001 - every watcher raises it where its caller hears of it
                if self._looks.get(watched) is look:
                    del self._looks[watched]
                look.failure = error
            else:
                look.view = view
            async with look.turned:
                look.turned.notify_all()
            if look.failure is not None:
                return
            await asyncio.sleep(watched.pause_seconds)


def _news(look: _Look, seen: str) -> bool:
    return look.failure is not None or (look.view is not None and look.view.token != seen)


async def _view(conn: AsyncConnection, project: Project, watched: Watched, now: int) -> View:
    if watched.filter.strip():
        n = await listing.count(conn, project, watched.filter, now)
    else:
        n = await counts.count(conn, project, now)
    head = await _head(conn, project, watched, now)
    said = repr((n, [(entry.uid, entry.pool) for entry in head]))
    return View(n, head, now, hashlib.sha256(said.encode()).hexdigest()[:32])


async def _head(conn: AsyncConnection, project: Project, watched: Watched, now: int) -> tuple[Entry, ...]:
    asked = condition(parse(watched.filter), moment(conn, project, now))
    query = (
        select(_t.uid, _a.key, pool_of().label("pool"), *COLUMNS)
        .select_from(tables.tasks.join(tables.assets, _a.uid == _t.uid))
        .where(_t.project_uid == project.uid, in_state(TaskState.OPEN, now), asked)
        .order_by(_t.rank, _t.uid)
        .limit(watched.head_size or DEFAULT_HEAD)
    )
    weights = project.definition.weights
    return tuple(
        Entry(row.uid, row.key, priority(terms_of(row), weights, now), row.pool)
        for row in await conn.execute(query)
    )
