"""SQL room: fitting thresholds to the random sample that people have answered.

Evidence counts up to the first drawn task that still waits for an answer, in the order of import: behind it, those
answered first would be those that the queue put first, which are the doubtful ones.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from review_queue import tables as shared
from review_queue.assurance import policies, tables
from review_queue.assurance.anytime import upper_bound
from review_queue.assurance.evidence import DRAWN
from review_queue.assurance.policies import Stored
from review_queue.assurance.slices import Facts
from review_queue.assurance.stage import BREACH_DELTA
from review_queue.assurance.threshold import Fit, Seen, fit, share_of
from review_queue.errors import EtagMismatch, EvidenceMissing
from review_queue.project import Project
from review_queue.review import TaskState

METHOD = "learn-then-test, fixed sequence, exact binomial"
MAX_EVIDENCE = 200_000
"""The newest ones; more would not move a threshold."""
_t, _e, _f, _s, _p = (
    shared.tasks.c,
    tables.evidence.c,
    tables.fits.c,
    tables.thresholds.c,
    tables.policies.c,
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of a fit, and the audits since then of what its threshold lets through."""

    name: str
    fit: Fit
    watched: int = 0
    watched_errors: int = 0

    @property
    def watched_upper_bound(self) -> float:
        """Upper bound of the share of wrong ones among them, at 95 % and at every look."""
        return upper_bound(self.watched_errors, self.watched, BREACH_DELTA)


@dataclass(frozen=True, slots=True)
class FitOfRun:
    """Thresholds fitted together for one prediction run; see the contract's ThresholdFit."""

    uid: str
    number: int
    run_uid: str
    slices: tuple[Slice, ...]
    pending: int
    create_time_us: int
    in_force: bool


async def fit_thresholds(db: Database, project: Project, run_uid: str) -> FitOfRun:
    """Fit thresholds for a run (empty: that of the newest evidence) and put them in force.

    The same evidence again gives the fit that is there. Raises PolicyMissing, EvidenceMissing, or EtagMismatch when
    somebody else fitted or changed the policy meanwhile.
    """
    async with db.read() as conn:
        policy = await policies.get(conn, project)
        run_uid = run_uid or await _newest_run(conn, project)
        seen, pending = await _evidence(conn, project, run_uid, policy)
        last = await newest(conn, project)
        n = sum(map(len, seen.values()))
        if last and await _same(conn, last, policy, run_uid, n):
            return last
    number = policy.fits + 1
    found = await asyncio.to_thread(_fit, seen, policy, number)
    async with db.begin() as conn:
        now = await policies.get(conn, project, lock=True)
        if (now.epoch, now.fits) != (policy.epoch, policy.fits):
            raise EtagMismatch("Somebody else fitted thresholds or changed the policy; look again.")
        uid = new_uid()
        row = {"uid": uid, "project_uid": project.uid, "epoch": now.epoch, "number": number}
        row |= {"run_uid": run_uid, "evidence": n, "pending": pending, "create_time_us": now_us()}
        await conn.execute(insert(tables.fits).values(row))
        await conn.execute(insert(tables.thresholds), [_row(uid, name, each) for name, each in found.items()])
        values = {"fits": number, "fit_uid": uid}
        await conn.execute(update(tables.policies).where(_p.project_uid == project.uid).values(values))
        made = await newest(conn, project)
    assert made is not None  # noqa: S101 - just stored
    return made


async def _newest_run(conn: AsyncConnection, project: Project) -> str:
    query = select(_e.run_uid).where(_e.project_uid == project.uid)
    run: str | None = (await conn.execute(query.order_by(_e.asset_uid.desc()).limit(1))).scalar()
    if run is None:
        raise EvidenceMissing("Nobody has answered an item of the random sample that a model had labelled.")
    return run


async def frontier(conn: AsyncConnection, project: Project) -> tuple[str, int]:
    """Uid of the first drawn task that waits for an answer, empty without one, and how many do."""
    waiting = select(func.min(_t.uid), func.count()).where(
        _t.project_uid == project.uid,
        _t.state == TaskState.OPEN,
        or_(_t.audit > 0, _t.sealed > 0),
        or_(_t.audit > 0, _t.sealed == DRAWN),
    )
    first, n = (await conn.execute(waiting)).one()
    return first or "", n


async def _evidence(
    conn: AsyncConnection, project: Project, run_uid: str, policy: Stored
) -> tuple[Mapping[str, Sequence[Seen]], int]:
    first, pending = await frontier(conn, project)
    query = select(tables.evidence).where(_e.project_uid == project.uid, _e.run_uid == run_uid)
    if first:
        query = query.where(_e.asset_uid < first)
    seen: dict[str, list[Seen]] = defaultdict(list)
    for row in await conn.execute(query.order_by(_e.asset_uid.desc()).limit(MAX_EVIDENCE)):
        name = Facts(row.category, row.source, row.length).slice(policy.policy.slice_by)
        seen[name].append(Seen(row.confidence, row.wrong > 0))
    if not seen:
        wait = f"; {pending:,} of it wait" if pending else ""
        raise EvidenceMissing(f"No answers of the random sample count yet{wait}.")
    return seen, pending


async def _same(conn: AsyncConnection, last: FitOfRun, policy: Stored, run_uid: str, n: int) -> bool:
    query = select(_f.epoch, _f.run_uid, _f.evidence).where(_f.uid == last.uid)
    row = (await conn.execute(query)).one()
    return last.in_force and (row.epoch, row.run_uid, row.evidence) == (policy.epoch, run_uid, n)


def _fit(seen: Mapping[str, Sequence[Seen]], policy: Stored, number: int) -> dict[str, Fit]:
    rules = policy.policy
    tested = sum(len(sample) >= rules.n_min for sample in seen.values())
    delta = share_of(rules.delta, number, tested)
    return {
        name: fit(sample, rules.target_error, delta, rules.n_min) for name, sample in sorted(seen.items())
    }


async def newest(conn: AsyncConnection, project: Project) -> FitOfRun | None:
    """The project's newest fit, in force or not."""
    query = select(tables.fits, (_p.fit_uid == _f.uid).label("in_force")).join(
        tables.policies, _p.project_uid == _f.project_uid
    )
    query = query.where(_f.project_uid == project.uid).order_by(_f.uid.desc()).limit(1)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    of = select(tables.thresholds).where(_s.fit_uid == row.uid).order_by(_s.slice)
    slices = tuple(_slice(found) for found in await conn.execute(of))
    return FitOfRun(
        row.uid, row.number, row.run_uid, slices, row.pending, row.create_time_us, bool(row.in_force)
    )


def _row(uid: str, name: str, found: Fit) -> dict[str, Any]:
    return {
        "fit_uid": uid,
        "slice": name,
        "threshold": found.threshold,
        "sample": found.sample,
        "n": found.n,
        "errors": found.k,
        "p_value": found.p_value,
        "upper_bound": found.upper,
        "delta": found.delta,
        "watched": 0,
        "watched_errors": 0,
        "level": 0.0,
    }


def _slice(row: Row[*tuple[Any, ...]]) -> Slice:
    found = Fit(row.threshold, row.sample, row.n, row.errors, row.p_value, row.upper_bound, row.delta)
    return Slice(row.slice, found, row.watched, row.watched_errors)
