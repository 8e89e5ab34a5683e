"""Delivers what is due: a turn for each webhook, many webhooks at once, several workers on one database."""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from prometheus_client import Counter

from chassis.clock import now_us
from chassis.db import Database
from chassis.errors import StorageFull, StorageUnavailable
from chassis.ids import new_uid
from chassis.log import get_logger, where
from qa_engine.webhooks import claims, log, signature
from qa_engine.webhooks.claims import Outgoing, Tried, Turn
from qa_engine.webhooks.errors import WebhookKeyMissing
from qa_engine.webhooks.schedule import Outcome
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.sender import Sender, elapsed_ms
from qa_engine.webhooks.webhook import Webhook, WebhookState

SLOTS = 128
TENANT_SLOTS = 32
"""Webhooks under way in one process, and of one tenant: endpoints that hang hold up neither it nor other tenants."""
TURN_BATCHES = 25
TURN_SECONDS = 20.0
"""After that many batches or seconds a webhook goes to the end of the line."""
_POLL_SECONDS = 1.0
_PRUNE_SECONDS = 600.0
_PRUNED_AT_ONCE = 500
_STOP_SECONDS = 3.0
_DAY_US = 86_400_000_000
ATTEMPTS = Counter("labelmesh_qa_engine_webhook_attempts", "Attempts to deliver, by outcome.", ["outcome"])
_log = get_logger(__name__)


class Worker:
    """Sends deliveries until it is left; what was under way then is sent again by the next one."""

    def __init__(
        self,
        db: Database,
        sender: Sender,
        keys: Keys,
        *,
        log_days: float = 30.0,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        """`clock_us` is the time that schedules are made of; `log_days` how long events and deliveries are kept."""
        self._db = db
        self._sender = sender
        self._keys = keys
        self._log_us = int(log_days * _DAY_US)
        self._clock_us = clock_us
        self._uid = new_uid()
        self._wake = asyncio.Event()
        self._stopping = False
        self._turns: dict[asyncio.Task[None], Turn] = {}
        self._loop: asyncio.Task[None] | None = None
        self._next_prune = 0.0

    async def __aenter__(self) -> Self:
        self._db.after_commit(self.wake)
        self._loop = asyncio.create_task(self._run(), name="webhooks")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no further turn and give those under way a moment."""
        self._stopping = True
        self._wake.set()
        tasks = [*self._turns, *([self._loop] if self._loop else [])]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look for what is due soon."""
        self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                await self._prune()
                if await self._start_turns():
                    continue
            except (StorageFull, StorageUnavailable) as error:
                _log.warning("webhooks wait for the storage", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the loop must outlive whatever happens to one pass
                _log.error("webhooks failed", fault=where(error))
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _start_turns(self) -> bool:
        """Begin a turn of each webhook that is due; whether there may be more."""
        free, now = SLOTS - len(self._turns), self._clock_us()
        if free <= 0:
            return False
        in_hand = [turn.webhook.uid for turn in self._turns.values()]
        async with self._db.read() as conn:
            if not await claims.any_due(conn, now, in_hand):
                return False
        busy = Tally(turn.tenant for turn in self._turns.values())
        full = [tenant for tenant, count in busy.items() if count >= TENANT_SLOTS]
        limit = min(
            free, *(TENANT_SLOTS - count for count in busy.values() if count < TENANT_SLOTS), TENANT_SLOTS
        )
        async with self._db.begin() as conn:
            turns = await claims.claim(conn, self._uid, now, limit, in_hand=in_hand, full_tenants=full)
        for turn in turns:
            task = asyncio.create_task(self._turn(turn), name=f"webhook {turn.webhook.uid}")
            self._turns[task] = turn
            task.add_done_callback(self._ended)
        return len(turns) == limit

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._turns[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease runs out, and then it is anybody's turn.
            _log.error("webhook turn failed", fault=where(error))
        self._wake.set()

    async def _turn(self, turn: Turn) -> None:
        webhook: Webhook | None = turn.webhook
        end = monotonic() + TURN_SECONDS
        for _ in range(TURN_BATCHES):
            if webhook is None or webhook.wanted.state is not WebhookState.ENABLED:
                break
            async with self._db.read() as conn:
                batch = await claims.outgoing(conn, webhook, self._clock_us())
            if not batch:
                break
            webhook = await self._deliver(webhook, batch)
            if self._stopping or monotonic() > end:
                break
        if webhook is not None:
            async with self._db.begin() as conn:
                await claims.release(conn, self._uid, webhook, self._clock_us())

    async def _deliver(self, webhook: Webhook, batch: Sequence[Outgoing]) -> Webhook | None:
        tried = await asyncio.gather(*(self._try(webhook, outgoing) for outgoing in batch))
        for one in tried:
            ATTEMPTS.labels(one.outcome.fault or "DELIVERED").inc()
        async with self._db.begin() as conn:
            return await claims.record(conn, self._uid, webhook.uid, tried, self._clock_us())

    async def _try(self, webhook: Webhook, outgoing: Outgoing) -> Tried:
        now, started = self._clock_us(), monotonic()
        body = outgoing.body.encode()
        try:
            secrets = self._secrets(webhook, now)
        except WebhookKeyMissing:
            outcome = Outcome(0, "KEY_MISSING")
        else:
            headers = signature.headers(secrets, outgoing.event_uid, now // 1_000_000, body)
            outcome = await self._sender.post(webhook.wanted.url, body, headers, secrets)
        if outcome.fault:
            _log.info(
                "webhook attempt failed",
                webhook=webhook.uid,
                delivery=outgoing.uid,
                fault=outcome.fault,
                status=outcome.http_status,
            )
        return Tried(outgoing, now, elapsed_ms(started), outcome)

    def _secrets(self, webhook: Webhook, now: int) -> list[bytes]:
        """The secrets that sign now, the newer first; raises WebhookKeyMissing."""
        refs = [webhook.secret]
        if webhook.former is not None and webhook.former_expire_time_us > now:
            refs.append(webhook.former)
        return [self._keys.secret(webhook.uid, ref) for ref in refs]

    async def _prune(self) -> None:
        """Now and then forget what is older than the log keeps, a little at a time."""
        if monotonic() < self._next_prune:
            return
        async with self._db.begin() as conn:
            gone = await log.prune(conn, self._clock_us() - self._log_us, _PRUNED_AT_ONCE)
        self._next_prune = monotonic() + (0.5 if gone == _PRUNED_AT_ONCE else _PRUNE_SECONDS)
