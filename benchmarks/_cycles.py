"""Lease and submit cycles a second over gRPC on PostgreSQL, against the SQL statements that a cycle is.

review_queue runs as its own process with a real broker and a real PostgreSQL; so many reviewers, a connection each,
lease tasks and accept what they are shown. The floor are the statements of the same cycle, prepared, by asyncpg, on as
many connections, from a project of the same size in the same server: the lease with all that is shown, and one
transaction that stores the answer (the request's id, the task, the label with its categories, the review with what was
learned, entries of the chain, the event). Told beside it is the barest queue: one statement that leases and one that
closes, which stores no answer at all.

    python benchmarks/review_queue.py [--reviewers 16] [--seconds 10] [--batch 10]

The last line: cycles a second, ours against the floor; at least 0.5 is wanted.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from grpc import aio
from queue_scale import filled
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import migrate
from chassis.clock import now_us
from chassis.db import connect
from chassis.ids import new_uid
from chassis.testing import nats_server, new_database, postgres_server
from chassis.testing.sockets import unused_port
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import queue_service_pb2 as pb2
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceStub
from review_queue.project import Project

TARGET = 0.5
TASKS = 30_000
Cycle = Callable[[int, int], Awaitable[int]]
"""One round of a reviewer: how many tasks were answered, given the reviewer's number and the size of a lease."""

_LEASE = """
WITH first AS MATERIALIZED (
    SELECT uid FROM tasks WHERE project_uid = $1 AND state = 2 AND lease_expire_us <= $2
    ORDER BY rank, uid LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE tasks SET reviewer = $4, fencing_token = fencing_token + 1, lease_expire_us = $2 + 3600000000,
    leased_label_uid = label_uid
WHERE uid IN (SELECT uid FROM first) RETURNING uid, fencing_token
"""
_SHOW = """
SELECT t.*, a.body AS asset, l.body AS label, f.body AS findings FROM tasks t JOIN assets a ON a.uid = t.uid
LEFT JOIN labels l ON l.uid = t.leased_label_uid LEFT JOIN findings f ON f.label_uid = l.uid WHERE t.uid = ANY($1)
"""
_CLOSE = """
UPDATE tasks SET state = 4, decision = 'ACCEPT', lease_expire_us = 0, review_time_us = $3, revision = revision + 1,
    label_uid = $4, label_kind = 'REVIEW', author = $5
WHERE uid = $1 AND state = 2 AND reviewer = $5 AND fencing_token = $2 AND lease_expire_us > $3 RETURNING revision
"""
_STORE = (
    "INSERT INTO labels (uid, project_uid, asset_uid, revision, kind, run_uid, body)"
    " VALUES ($1, $2, $3, 2, 'REVIEW', '', $4)",
    "INSERT INTO label_categories (project_uid, category, label_uid) VALUES ($2, 'billing', $1)",
    "INSERT INTO reviews (uid, project_uid, asset_uid, base_label_uid, label_uid, reviewer, decision, reason, ops,"
    " active_seconds, create_time_us, run_uid, confidence, unchanged, true_positives, false_positives, false_negatives)"
    " VALUES ($1, $2, $3, '', $1, $4, 'ACCEPT', '', '', 0, $5, '01RUN', 0.5, 1, 1, 0, 0)",
    "INSERT INTO confusion (review_uid, tool, predicted, reviewed, project_uid, run_uid, n)"
    " VALUES ($1, 'topic', 'billing', 'billing', $2, '01RUN', 1)",
    "INSERT INTO chain (kind, uid, project_uid, hash, seal) VALUES ($3, $1, $2, $4, 0)",
    "INSERT INTO outbox (msg_id, subject, body, traceparent, create_time_us) VALUES ($1, $2, $3, '', $4)",
    "INSERT INTO requests (project_uid, actor, request_id, digest, response, create_time_us)"
    " VALUES ($1, $2, $3, $4, '', $5)",
    "UPDATE requests SET response = $4 WHERE project_uid = $1 AND actor = $2 AND request_id = $3",
)


@asynccontextmanager
async def service(database_url: str, folder: Path, nats_url: str) -> AsyncIterator[str]:
    """review_queue as a process; yields its address."""
    address = f"127.0.0.1:{unused_port()}"
    environment = os.environ | {
        "LABELMESH_LISTEN": address,
        "LABELMESH_DATABASE_URL": database_url,
        "LABELMESH_BLOB_URL": f"file:{folder}/blobs",
        "LABELMESH_NATS_URL": nats_url,
        "LABELMESH_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "review_queue"], env=environment)  # noqa: ASYNC220 - nothing else runs yet
    try:
        async with aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@asynccontextmanager
async def reviewers(address: str, count: int, project: Project) -> AsyncIterator[Cycle]:
    """Cycles over gRPC, a connection a reviewer."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [aio.insecure_channel(address, options=options) for _ in range(count)]
    stubs = [QueueServiceStub(channel) for channel in channels]
    parent = f"projects/{project.project_id}"

    async def cycle(who: int, batch: int) -> int:
        metadata = (("labelmesh-actor", f"reviewer-{who}"),)
        request = pb2.LeaseNextRequest(parent=parent, max_tasks=batch)
        leases = (await stubs[who].LeaseNext(request, metadata=metadata)).leases
        for lease in leases:
            answer = pb2.SubmitReviewRequest(
                name=lease.task.name,
                fencing_token=lease.fencing_token,
                base_etag=lease.task.label.etag,
                decision=pb2.DECISION_ACCEPT,
                active_seconds=3,
                request_id=new_uid(),
            )
            await stubs[who].SubmitReview(answer, metadata=metadata)
        return len(leases)

    yield cycle
    for channel in channels:
        await channel.close()


@asynccontextmanager
async def statements(dsn: str, count: int, project: Project, *, bare: bool) -> AsyncIterator[Cycle]:
    """Cycles of prepared statements, a connection a reviewer; a bare one leases and closes, and no more."""
    connections = [await asyncpg.connect(dsn) for _ in range(count)]
    body = label_pb2.Label(
        annotations=[
            label_pb2.Annotation(id="a", tool="topic", category="billing", choice=label_pb2.Choice())
        ]
    )
    label, digest = body.SerializeToString() + bytes(60), bytes(32)

    async def store(connection: Any, who: str, uid: str, now: int) -> None:
        request, new = new_uid(), new_uid()
        labels, categories, reviews, confusion, chain, outbox, claim, answer = _STORE
        await connection.execute(claim, project.uid, who, request, digest, now)
        await connection.execute(labels, new, project.uid, uid, label)
        await connection.execute(chain, new, project.uid, 2, digest)
        await connection.execute(categories, new, project.uid)
        await connection.execute(outbox, new, "labelmesh.review.v1.LabelReviewed.x", label * 4, now)
        await connection.execute(reviews, new, project.uid, uid, who, now)
        await connection.execute(chain, new, project.uid, 3, digest)
        await connection.execute(confusion, new, project.uid)
        await connection.execute(answer, project.uid, who, request, label)

    async def cycle(who: int, batch: int) -> int:
        connection, name, now = connections[who], f"reviewer-{who}", now_us()
        taken = await connection.fetch(_LEASE, project.uid, now, batch, name)
        if not bare:
            await connection.fetch(_SHOW, [uid for uid, _ in taken])
        for uid, token in taken:
            if bare:
                await connection.fetch(_CLOSE, uid, token, now, "", name)
                continue
            await connection.fetch(_SHOW, [uid])
            async with connection.transaction():
                await connection.fetch(_CLOSE, uid, token, now, new_uid(), name)
                await store(connection, name, uid, now)
        return len(taken)

    yield cycle
    for connection in connections:
        await connection.close()


async def completed(conn: AsyncConnection, project: Project) -> None:
    """Give the rows that SQL wrote what an answer reads: names, and the prediction's other fields.

    A message takes further fields at its end, so each body is added to where it lies.
    """
    more = label_pb2.Label(
        kind=label_pb2.LABEL_KIND_PREDICTION,
        revision=1,
        etag="1-x",
        author="model",
        confidence=label_pb2.Confidence(
            method=label_pb2.CONFIDENCE_METHOD_LABEL_MASS, raw=0.5, lower=0.5, upper=0.5
        ),
        lineage=label_pb2.Lineage(
            model="model", prediction_run=f"projects/{project.project_id}/predictionRuns/01RUN"
        ),
    ).SerializeToString()
    for table, tag, name, tail in (
        ("assets", b"\x0a", "assets/' || uid", b""),
        ("labels", b"\x0a", "labels/' || uid", b""),
        ("labels", b"\x12", "assets/' || asset_uid", more),
    ):
        named = f"convert_to('projects/{project.project_id}/{name}, 'UTF8')"
        length = f"set_byte('\\x00'::bytea, 0, length({named}))"
        body = f"body || CAST(:tag AS bytea) || {length} || {named} || CAST(:tail AS bytea)"
        change = f"UPDATE {table} SET body = {body} WHERE project_uid = :project"  # noqa: S608 - names of this file
        await conn.execute(text(change), {"tag": tag, "tail": tail, "project": project.uid})


async def rate(cycle: Cycle, count: int, batch: int, seconds: float) -> float:
    """Tasks answered a second by so many reviewers at once."""
    done = 0
    end = time.perf_counter() + seconds

    async def work(who: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            answered = await cycle(who, batch)
            assert answered, "the queue ran dry: fewer seconds, or more tasks"
            done += answered

    began = time.perf_counter()
    await asyncio.gather(*(work(i) for i in range(count)))
    return done / (time.perf_counter() - began)


async def measure(server: str, folder: Path, nats_url: str, options: argparse.Namespace) -> dict[str, float]:
    """Rates by what was measured."""
    url = await new_database(server)
    dsn = url.replace("postgresql+asyncpg", "postgresql")
    async with connect(url) as db:
        await migrate.upgrade(db, "review_queue")
        projects = {name: await filled(db, name, TASKS) for name in ("ours", "floor", "bare")}
        async with db.begin() as conn:
            await conn.execute(text("UPDATE projects SET tenant = 'default'"))
            await completed(conn, projects["ours"])
        async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            await conn.execute(text("VACUUM ANALYZE"))
    found = {}
    for batch in (1, options.batch):
        async with (
            service(url, folder, nats_url) as address,
            reviewers(address, options.reviewers, projects["ours"]) as cycle,
        ):
            await rate(cycle, options.reviewers, batch, 2)
            found[f"ours by {batch}"] = await rate(cycle, options.reviewers, batch, options.seconds)
        for name in ("floor", "bare"):
            bare = name == "bare"
            async with statements(dsn, options.reviewers, projects[name], bare=bare) as cycle:
                await rate(cycle, options.reviewers, batch, 0.5)
                seconds = 2 if bare else options.seconds / 2
                found[f"{name} by {batch}"] = await rate(cycle, options.reviewers, batch, seconds)
        print({name: round(value, 1) for name, value in found.items()}, flush=True)
    return found


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reviewers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, default=10, help="size of a lease in the second round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server, nats_server() as broker:
        found = uvloop.run(measure(server, Path(folder), broker.url, options))
    result = {
        "name": "review_queue",
        "ours": round(found["ours by 1"], 1),
        "floor": round(found["floor by 1"], 1),
        "ratio": round(found["ours by 1"] / found["floor by 1"], 3),
        "unit": "lease + submit cycles/s",
        "target": TARGET,
        "by_batch": round(found[f"ours by {options.batch}"] / found[f"floor by {options.batch}"], 3),
        "barest_queue": round(found["bare by 1"], 1),
    }
    print(json.dumps(result))
