"""From the outbox table to the broker."""

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, select, text

from chassis.connection import Bus
from chassis.db import Database
from chassis.errors import ChassisError
from chassis.event_tables import outbox
from chassis.headers import BODY_BYTES, BODY_SHA256, BODY_URI, event_headers
from chassis.log import get_logger, where
from chassis.metrics import PUBLISHED
from chassis.prepared import Prepared
from chassis.publishing import NO_STREAM, Outgoing
from chassis.subjects import split

_BATCH = 256
_POLL_SECONDS = 1.0
_TURN_SECONDS = 0.05
_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
# "lm-relay" in ASCII, cut to the 63 bits an advisory lock has.
_LOCK = int.from_bytes(b"lm-relay") >> 1
#: Bodies above this travel through the blob store.
CLAIM_CHECK_BYTES = 60 << 10

_OLDEST = Prepared(select(outbox).order_by(outbox.c.id).limit(_BATCH))
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_DELETE_SQLITE = Prepared(text("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(:ids))"))
_DELETE_POSTGRESQL = text("DELETE FROM outbox WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger))
)
_log = get_logger(__name__)


class Relay:
    """Publishes outbox rows in id order and deletes those the broker confirmed.

    What is not confirmed is sent again under the same Nats-Msg-Id, so a kill at any point loses nothing.
    Of several replicas on one PostgreSQL database one publishes at a time, which keeps the order.
    """

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._wake = asyncio.Event()
        self._linger = bus.settings.linger_ms / 1000
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._db.after_commit(self.notify)
        self._task = asyncio.create_task(self._run(), name="outbox relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish what is committed if the broker answers at once; the rest waits for the next start."""
        if self._task is None:
            return
        self._stopping = True
        self._wake.set()
        _, late = await asyncio.wait([self._task], timeout=2 if self._bus.ready.is_set() else 0)
        for task in late:
            task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def notify(self) -> None:
        """Look at the outbox soon."""
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            stopping = self._stopping
            try:
                pause = await self._empty_outbox()
                failures = 0
            except ChassisError as error:
                pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
                failures += 1
                _log.warning("outbox waits", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the relay must outlive whatever happens to one batch.
                pause = _BACKOFF_SECONDS[-1]
                _log.error("outbox relay failed", fault=where(error))
            if stopping:
                return
            await self._rest(pause)

    async def _rest(self, pause: float | None) -> None:
        if pause is not None:
            await asyncio.sleep(pause)
            return
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wake.wait()
            # Commits come in clusters: one batch for all of them costs less than one each.
            if not self._stopping:
                await asyncio.sleep(self._linger)
        except TimeoutError:
            pass

    async def _empty_outbox(self) -> float | None:
        """Publish until nothing is left; returns a pause in seconds, or None to wait for news."""
        while True:
            self._wake.clear()
            await self._bus.client()
            rows, confirmed = await (
                self._pass_sqlite() if self._db.dialect == "sqlite" else self._pass_postgresql()
            )
            if rows is None:
                return _TURN_SECONDS
            if confirmed < len(rows):
                return _BACKOFF_SECONDS[0] if confirmed else _BACKOFF_SECONDS[2]
            if len(rows) < _BATCH:
                return None

    async def _pass_sqlite(self) -> tuple[Sequence[Row[Any]] | None, int]:
        async with self._db.read() as conn:
            rows = await _OLDEST.rows(conn, {})
        if not rows:
            return rows, 0
        ids = await self._publish(rows)
        if ids:
            async with self._db.begin() as conn:
                await _DELETE_SQLITE.run(conn, {"ids": json.dumps(ids)})
        return rows, len(ids)

    async def _pass_postgresql(self) -> tuple[Sequence[Row[Any]] | None, int]:
        async with self._db.begin() as conn:
            if not await conn.scalar(_TRY_LOCK, {"key": _LOCK}):
                return None, 0
            rows = await _OLDEST.rows(conn, {})
            ids = await self._publish(rows) if rows else []
            if ids:
                await conn.execute(_DELETE_POSTGRESQL, {"ids": ids})
        return rows, len(ids)

    async def _publish(self, rows: Sequence[Row[Any]]) -> list[int]:
        """Ids of the rows that the broker has now."""
        answers = await self._bus.send([await self._outgoing(row) for row in rows])
        if NO_STREAM in answers:
            self._bus.forget_streams()
        refused = next((answer for answer in answers if answer), None)
        if refused is not None:
            _log.warning("events not confirmed", count=sum(map(bool, answers)), first=refused)
        ids = []
        for row, answer in zip(rows, answers, strict=True):
            if not answer:
                ids.append(row.id)
                PUBLISHED.labels(split(row.subject)[0]).inc()
        return ids

    async def _outgoing(self, row: Row[Any]) -> Outgoing:
        headers = event_headers(row.msg_id, row.create_time_us, row.traceparent)
        body = row.body
        if len(body) > CLAIM_CHECK_BYTES:
            blob = await self._bus.blobs.events.put(body)
            headers |= {
                BODY_URI: blob.uri,
                BODY_SHA256: blob.sha256,
                BODY_BYTES: str(blob.bytes),
            }
            body = b""
        return Outgoing(row.subject, body, headers)
