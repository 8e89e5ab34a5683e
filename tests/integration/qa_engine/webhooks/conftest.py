"""A project with its webhooks on both databases, real endpoints on loopback, and a clock that tests turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from chassis import migrate
from chassis.clock import now_us
from chassis.db import Database, connect
from chassis.ids import new_uid
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import ontology_to_pb
from qa_engine import projects
from qa_engine.webhooks import announce, book, log
from qa_engine.webhooks.notice import Notice
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.sender import Patience, Sender, sender
from qa_engine.webhooks.target import gate
from qa_engine.webhooks.webhook import Delivery, DeliveryState, Wanted, Webhook
from qa_engine.webhooks.worker import Worker

KEYS = Keys(("a key of the tests, long enough",))
LOOPBACK = gate("127.0.0.0/8, ::1", "443")
# Nobody who answers is late on a busy machine: a time-out would be a second attempt.
PATIENT = Patience(connect=15, read=15, total=15, body=0.2)
SECOND_US = 1_000_000


@dataclass
class Clock:
    """The real time and what the test adds."""

    ahead_s: float = 0.0

    def __call__(self) -> int:
        return now_us() + int(self.ahead_s * SECOND_US)


@dataclass
class Endpoint:
    """What an endpoint got and how it answers: `answer` is given the number of requests so far."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[int], Awaitable[web.StreamResponse]] | None = None
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "thanks"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append(
            ({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        if self.answer is not None:
            return await self.answer(len(self.got))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text=self.text, headers=self.headers)

    async def has(self, count: int) -> bool:
        return len(self.got) >= count

    async def until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        await until(reached)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@dataclass
class Desk:
    """A project and its webhooks, without a broker: events are told as handlers tell them."""

    db: Database
    project: projects.Project
    clock: Clock

    async def add(self, url: str, *topics: str, ordered: bool = False) -> Webhook:
        async with self.db.begin() as conn:
            wanted = Wanted(url, topics or ("*",), ordered=ordered)
            return await book.add(conn, self.project, wanted, KEYS.new(), self.clock())

    async def tell(self, *keys: str, topic: str = "label.reviewed") -> None:
        async with self.db.begin() as conn:
            await announce.notices(
                conn, self.project.uid, [Notice(topic, key, {"label": key}) for key in keys]
            )

    async def webhook(self, uid: str) -> Webhook:
        async with self.db.read() as conn:
            return await book.get(conn, self.project.uid, uid)

    async def deliveries(self, webhook: Webhook) -> list[Delivery]:
        """Oldest first."""
        async with self.db.read() as conn:
            return (await log.page(conn, webhook.uid, None, None, 1000))[::-1]

    async def settled(self, webhook: Webhook, state: DeliveryState, count: int = 1) -> list[Delivery]:
        """The deliveries once that many are in the state."""

        async def reached() -> bool:
            return sum(d.state is state for d in await self.deliveries(webhook)) >= count

        await until(reached)
        return await self.deliveries(webhook)

    async def tried(self, webhook: Webhook, attempts: int) -> Delivery:
        """The first delivery once it was tried that often."""

        async def reached() -> bool:
            return (await self.deliveries(webhook))[0].attempts >= attempts

        await until(reached)
        return (await self.deliveries(webhook))[0]

    async def until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        await until(reached)

    @asynccontextmanager
    async def worker(self, post: Sender | None = None, patience: Patience = PATIENT) -> AsyncIterator[Worker]:
        async with (
            sender(LOOPBACK, patience=patience) as own,
            Worker(self.db, post or own, KEYS, clock_us=self.clock) as worker,
        ):
            yield worker


async def until(reached: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    ontology = ontology_to_pb(
        Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("a"),)),), revision=1)
    )
    async with connect(database_url) as db:
        await migrate.upgrade(db, "qa_engine")
        async with db.begin() as conn:
            await projects.put(conn, new_uid(), "tenant-a", "news", ontology)
            project = await projects.by_id(conn, "tenant-a", "news")
        yield Desk(db, project, Clock())


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving() as one:
        yield one


@pytest.fixture
def another() -> Callable[[], object]:
    """Makes more endpoints."""
    return serving


@asynccontextmanager
async def serving() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", endpoint.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    endpoint.url = f"http://{host}:{port}/hook"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def raw() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Starts a server that speaks bytes: `await raw(handler)` is its url."""
    servers = []

    async def start(handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> str:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(served, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"

    yield start
    for server in servers:
        server.close()
