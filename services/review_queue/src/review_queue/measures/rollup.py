"""SQL room: adding reviews to the running sums.

A review is stored with one INSERT and waits for nobody. It is added to the sums a moment later by whoever comes first,
a batch in one transaction that also marks it as summed, so each is in the sums once and never twice. Until then it is
part of the tail, which readers add to the sums in their own snapshot. So numbers are exact at every moment, nobody
who answers waits for a counter, and what a question costs does not grow with the reviews.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from chassis.db import Database
from review_queue import tables
from review_queue.errors import SumsBehind
from review_queue.measures.facts import Facts, Slot, Sums, add_up
from review_queue.measures.holdout import Arm
from review_queue.measures.tables import cell_sums, confidence_sums, review_sums, time_bins
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell
from review_queue.ranking import seeing

BATCH = 1_000
MAX_TAIL = 10_000
"""Most reviews outside the sums that a reader adds up himself."""
_FRESH, _REWORKED = 1, 2
_r, _c = tables.reviews.c, tables.confusion.c
# The literal lets the planner see that the partial index holds them all.
_waiting = _r.unsummed > literal_column("0")
_KEY = tuple(Slot.__dataclass_fields__)


async def sum_some(db: Database, most: int = BATCH) -> list[Facts]:
    """Add up to `most` reviews to the sums; those that were added, none when all are summed."""
    async with db.begin() as conn:
        chosen = select(_r.uid).where(_waiting).limit(most).with_for_update(skip_locked=True)
        uids = (await conn.execute(chosen)).scalars().all()
        if not uids:
            return []
        found = await _facts(conn, _r.uid.in_(uids))
        await _store(conn, add_up(found))
        await seeing.learn(conn, [fact.uid for fact in found if fact.fresh])
        await conn.execute(update(tables.reviews).where(_r.uid.in_(uids)).values(unsummed=0))
    return found


async def tail(conn: AsyncConnection, project_uid: str) -> list[Facts]:
    """The project's reviews outside the sums. Raises SumsBehind when they are too many."""
    mine = (_r.project_uid == project_uid) & _waiting
    some = select(_r.uid).where(mine).limit(MAX_TAIL + 1).subquery()
    n = (await conn.execute(select(func.count()).select_from(some))).scalar_one()
    if n > MAX_TAIL:
        raise SumsBehind
    return await _facts(conn, mine) if n else []


async def rework(conn: AsyncConnection, label_uid: str) -> None:
    """Remember that a person changed the label of a review or sent it back; the first time counts."""
    if label_uid:
        await conn.execute(
            update(tables.reviews)
            .where(_r.label_uid == label_uid, _r.reworked == 0)
            .values(reworked=1, unsummed=_r.unsummed.op("|")(_REWORKED))
        )


async def _facts(conn: AsyncConnection, which: ColumnElement[bool]) -> list[Facts]:
    pairs = select(tables.confusion).join(tables.reviews, _r.uid == _c.review_uid).where(which)
    cells: dict[str, list[tuple[Cell, CellTotals]]] = defaultdict(list)
    for row in await conn.execute(pairs):
        counts = CellTotals(row.n, row.moved, row.overlap, row.overlap_squares)
        cells[row.review_uid].append(((row.tool, row.predicted, row.reviewed), counts))
    rows = await conn.execute(select(tables.reviews).where(which))
    return [_fact(row, cells.get(row.uid, [])) for row in rows]


def _fact(row: Row[*tuple[Any, ...]], cells: Sequence[tuple[Cell, CellTotals]]) -> Facts:
    # A release that knows no arms stored 0 for all.
    arm = Arm(row.arm) if row.arm or row.unchanged is None else Arm.SHOWN
    return Facts(
        uid=row.uid,
        project_uid=row.project_uid,
        reviewer=row.reviewer,
        run_uid=row.run_uid,
        arm=arm,
        experiment=row.experiment,
        decision=row.decision,
        active_seconds=row.active_seconds,
        time_us=row.create_time_us,
        confidence=row.confidence,
        unchanged=_known(row.unchanged),
        gold_right=_known(row.gold_right),
        gold_prediction_right=_known(row.gold_prediction_right),
        fresh=bool(row.unsummed & _FRESH),
        newly_reworked=bool(row.unsummed & _REWORKED),
        cells=tuple(cells),
    )


def _known(flag: int | None) -> bool | None:
    return None if flag is None else bool(flag)


async def _store(conn: AsyncConnection, sums: Sums) -> None:
    """In one order for everyone, or two batches could wait for each other."""
    await _add(
        conn, review_sums, [_slot(slot) | asdict(totals) for slot, totals in sorted_items(sums.reviews)]
    )
    await _add(
        conn,
        cell_sums,
        [
            _slot(slot) | {"tool": tool, "predicted": predicted, "reviewed": reviewed} | asdict(counts)
            for (slot, (tool, predicted, reviewed)), counts in sorted_items(sums.cells)
        ],
    )
    await _add(
        conn,
        time_bins,
        [_slot(slot) | {"bin": index, "n": n} for (slot, index), n in sorted_items(sums.bins)],
    )
    await _add(
        conn,
        confidence_sums,
        [
            {"project_uid": p, "run_uid": run, "thousandth": at, "n": n, "unchanged": k, "mass": mass}
            for (p, run, at), (n, k, mass) in sorted_items(sums.confidences)
        ],
    )


def sorted_items(found: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """The items by key."""
    return sorted(found.items(), key=lambda item: item[0])


def _slot(slot: Slot) -> dict[str, Any]:
    return {name: getattr(slot, name) for name in _KEY}


async def _add(conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    sums = [column.name for column in table.c if not column.primary_key]
    await upsert(conn, table, rows, added=sums)
