"""200 reviewers at one queue of 100,000 tasks, on PostgreSQL: nobody gets what another has, nothing is lost, in order.

Each reviewer is a thread of calls into the queue's own functions (what a servicer calls), over the service's pool of
connections: lease 1 to 10 tasks, answer most, give some back, keep a few, until the time is over or the queue empty.
Every lease is noted with when it began and ended. Then the notes are held against each other:

- double: a task leased again while a lease of it was alive;
- lost: a task that ended neither done by who answered it, nor under its last lease, nor free where nobody has it;
- out of order: a task that was free from the beginning of a lease to its end, and comes before one that the lease took.

    python benchmarks/queue_reviewers.py [--tasks 100000] [--reviewers 200] [--seconds 120]

The last line: leases of all 200 against those of one reviewer alone, a second; and the three counts, which must be 0.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

if __name__ == "__main__":
    # A neighbour has the name of a package, which must be found first.
    sys.path.append(sys.path.pop(0))

import uvloop
from _cycles import completed
from queue_scale import filled
from sqlalchemy import text

from chassis import migrate
from chassis.blobs import Blobs
from chassis.db import Database, connect
from chassis.ids import new_uid
from chassis.testing import new_database, postgres_server
from review_queue import answers, queue
from review_queue.priority import rank
from review_queue.project import Project
from review_queue.queue import Lease, Wanted
from review_queue.request import Request
from review_queue.review import Decision, Submission

_GIVEN_BACK, _ANSWERED = 0.02, 0.9
_HOUR, _DONE = 3_600, 4


@dataclass(frozen=True, slots=True)
class Note:
    """A lease call: when it began and ended (seconds), and the (rank, uid) of what it took, first first."""

    began: float
    ended: float
    taken: tuple[tuple[float, str], ...]


class Sitting:
    """Everything that happened."""

    def __init__(self, db: Database, project: Project, blobs: Blobs) -> None:
        self.db, self.project, self.blobs = db, project, blobs
        self.name = (project.tenant, project.project_id)
        self.notes: list[Note] = []
        self.given_back: set[str] = set()
        self.answered: set[str] = set()
        self.held: dict[str, str] = {}
        self.double = 0

    async def work(self, reviewer: str, draw: random.Random, end: float) -> None:
        """Lease until the time is over or nothing is left."""
        while time.perf_counter() < end:
            began = time.perf_counter()
            wanted = Wanted(draw.randint(1, 10), _HOUR)
            _, leases = await queue.lease_next(self.db, *self.name, reviewer, wanted)
            ended = time.perf_counter()
            if not leases:
                return
            weights = self.project.definition.weights
            taken = tuple((rank(lease.task.terms, weights), lease.task.uid) for lease in leases)
            self.notes.append(Note(began, ended, taken))
            for lease in leases:
                await self._deal(reviewer, lease, draw.random())

    async def _deal(self, reviewer: str, lease: Lease, chance: float) -> None:
        uid = lease.task.uid
        self.double += uid in self.held
        self.held[uid] = reviewer
        if chance < _GIVEN_BACK:
            self.given_back.add(uid)
            del self.held[uid]
            await queue.release(self.db, self.project, uid, reviewer, lease.fencing_token)
        elif chance < _GIVEN_BACK + _ANSWERED:
            etag = lease.task.label.etag if lease.task.label else ""
            said = Submission(reviewer, lease.fencing_token, etag, Decision.ACCEPT)
            request = Request(reviewer, new_uid(), bytes(32))
            await answers.submit(self.db, self.blobs, self.name, uid, said, request)
            self.answered.add(uid)


def out_of_order(notes: list[Note], given_back: set[str]) -> int:
    """Leases that took a task though one before it was free all the while; what was given back came late by itself."""
    by_beginning = sorted(notes, key=lambda note: note.began)
    first_after: list[tuple[float, str]] = [(float("inf"), "")] * (len(notes) + 1)
    for i in range(len(notes) - 1, -1, -1):
        stayed = [key for key in by_beginning[i].taken if key[1] not in given_back]
        first_after[i] = min([first_after[i + 1], *stayed])
    wrong, later = 0, 0
    for note in sorted(notes, key=lambda note: note.ended):
        while later < len(notes) and by_beginning[later].began <= note.ended:
            later += 1
        wrong += first_after[later] < max(note.taken)
        wrong += list(note.taken) != sorted(note.taken)
    return wrong


async def lost(db: Database, project: Project, sitting: Sitting) -> int:
    """Tasks that are not where the notes leave them."""
    async with db.read() as conn:
        query = text("SELECT uid, state, reviewer, lease_expire_us FROM tasks WHERE project_uid = :project")
        rows = (await conn.execute(query, {"project": project.uid})).all()

    def astray(row: Any) -> bool:
        if (row.state == _DONE) != (row.uid in sitting.answered):
            return True
        if row.uid in sitting.held:
            return bool(row.reviewer != sitting.held[row.uid])
        return bool(row.lease_expire_us)

    return sum(map(astray, rows))


async def rate(sitting: Sitting, reviewers: int, seconds: float, seed: int) -> float:
    """Leased tasks a second by so many."""
    began = time.perf_counter()
    end = began + seconds
    await asyncio.gather(
        *(sitting.work(f"reviewer-{i}", random.Random(f"{seed} {i}"), end) for i in range(reviewers))
    )
    return sum(len(note.taken) for note in sitting.notes) / (time.perf_counter() - began)


async def main(options: argparse.Namespace, server: str, folder: str) -> None:
    """Fill, let them work, hold the notes against each other."""
    async with connect(await new_database(server)) as db:
        await migrate.upgrade(db, "review_queue")
        blobs = Blobs(f"file:{folder}/blobs")
        alone = await filled(db, "alone", options.tasks // 10)
        crowd = await filled(db, "crowd", options.tasks)
        async with db.begin() as conn:
            await completed(conn, alone)
            await completed(conn, crowd)
        async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            await conn.execute(text("VACUUM ANALYZE"))
        floor = await rate(Sitting(db, alone, blobs), 1, options.seconds / 4, 0)
        sitting = Sitting(db, crowd, blobs)
        ours = await rate(sitting, options.reviewers, options.seconds, 1)
        result = {
            "name": "queue_reviewers",
            "ours": round(ours, 1),
            "floor": round(floor, 1),
            "ratio": round(ours / floor, 3),
            "unit": "tasks leased/s by all reviewers against one alone",
            "tasks": options.tasks,
            "leases": len(sitting.notes),
            "answered": len(sitting.answered),
            "double": sitting.double,
            "lost": await lost(db, crowd, sitting),
            "out_of_order": out_of_order(sitting.notes, sitting.given_back),
        }
    print(json.dumps(result))
    assert (result["double"], result["lost"], result["out_of_order"]) == (0, 0, 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--reviewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    with tempfile.TemporaryDirectory() as scratch, postgres_server() as postgres:
        uvloop.run(main(parser.parse_args(), postgres, scratch))
