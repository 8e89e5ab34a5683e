"""SQL of runs and the sample of what they found."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from labels.label import Finding, Severity
from qa_engine.errors import RunUnknown
from qa_engine.life import patches
from qa_engine.life.precision import Precision
from qa_engine.life.run import SAMPLE, ReviewTimeSource, Run, RunKind, RunState, Stage
from qa_engine.life.tables import rule_runs, run_hits, verdicts
from qa_engine.projects import Project

_r, _h, _v = rule_runs.c, run_hits.c, verdicts.c
_COLUMNS = [column for column in rule_runs.c if column is not _r.claim_us]


@dataclass(frozen=True, slots=True)
class Hit:
    """What a run found about a label; `right` is what a person said or did about it, None where nobody has."""

    label_uid: str
    asset_uid: str
    finding: Finding
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A page of a run: where it stands after it, and what it adds to the counts."""

    stage: Stage
    cursor: str
    looked: int = 0
    hit_labels: int = 0
    hits: int = 0
    patched: int = 0
    unchecked_labels: int = 0
    right: int = 0
    wrong: int = 0
    ended: bool = False


async def create(conn: AsyncConnection, run: Run) -> Run:
    """Start a run; one of the same uid that is there already is returned as it is."""
    await conn.execute(insert_ignore(conn, rule_runs), [_values(run)])
    return await get(conn, run.project_uid, run.uid)


async def live(conn: AsyncConnection, project: Project, now_us: int) -> str:
    """Uid of the run of what rules do to labels as they come, which is there from now on."""
    uid = patches.live_run_uid(project.uid, project.ruleset.revision)
    row = dict.fromkeys(("rule", "terms", "settings", "cursor", "error", "author"), "")
    found = ("looked", "hit_labels", "hits", "patched", "unchecked_labels", "right_hits", "wrong_hits")
    counts = ("version", "total", *found)
    values: dict[str, Any] = {
        **row,
        **dict.fromkeys((*counts, "claim_us", "end_time_us"), 0),
        "uid": uid,
        "project_uid": project.uid,
        "kind": RunKind.LIVE.value,
        "state": RunState.DONE.value,
        "stage": Stage.LABELS.value,
        "seconds_per_hit": 0.0,
        "review_time_source": ReviewTimeSource.DEFAULT.value,
        "create_time_us": now_us,
        "end_time_us": now_us,
    }
    await conn.execute(insert_ignore(conn, rule_runs), [values])
    await conn.execute(update(rule_runs).where(_r.uid == uid).values(patched=_r.patched + 1))
    return uid


async def get(conn: AsyncConnection, project_uid: str, uid: str, *, lock: bool = False) -> Run:
    """One run of the project, with the verdicts that its sample has got since; raises RunUnknown."""
    query = select(*_COLUMNS).where(_r.uid == uid, _r.project_uid == project_uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise RunUnknown
    return _run(row, await _later(conn, row))


async def page(
    conn: AsyncConnection, project_uid: str, rule: str, before: tuple[int, str] | None, size: int
) -> list[Run]:
    """Runs of a project, newest first: at most `size` that began before `before`, a time and an uid."""
    query = select(*_COLUMNS).where(_r.project_uid == project_uid)
    if rule:
        query = query.where(_r.rule == rule)
    if before is not None:
        time, uid = before
        query = query.where(or_(_r.create_time_us < time, and_(_r.create_time_us == time, _r.uid < uid)))
    rows = await conn.execute(query.order_by(_r.create_time_us.desc(), _r.uid.desc()).limit(size))
    return [_run(row, (0, 0)) for row in rows]


async def backtest(conn: AsyncConnection, project_uid: str, rule: str, terms: str) -> Run | None:
    """The latest finished backtest of a rule with these terms."""
    query = select(_r.uid).where(
        _r.project_uid == project_uid,
        _r.rule == rule,
        _r.terms == terms,
        _r.kind == RunKind.BACKTEST.value,
        _r.state == RunState.DONE.value,
    )
    uid = await conn.scalar(query.order_by(_r.end_time_us.desc()).limit(1))
    return None if uid is None else await get(conn, project_uid, uid)


async def any_free(conn: AsyncConnection, now_us: int) -> bool:
    """Whether a run waits for someone to work on it."""
    free = select(_r.uid).where(_r.state == RunState.RUNNING.value, _r.claim_us <= now_us).limit(1)
    return await conn.scalar(free) is not None


async def claim(conn: AsyncConnection, now_us: int, until_us: int) -> Run | None:
    """Take a run that works and that nobody holds, until that time."""
    free = and_(_r.state == RunState.RUNNING.value, _r.claim_us <= now_us)
    query = select(*_COLUMNS).where(free).order_by(_r.claim_us).limit(1).with_for_update(skip_locked=True)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    await conn.execute(update(rule_runs).where(_r.uid == row.uid).values(claim_us=until_us))
    return _run(row, (0, 0))


async def advance(conn: AsyncConnection, run: Run, step: Step, now_us: int, until_us: int) -> bool:
    """Store a page of a run; False where another has done it, or the run was stopped, and nothing is stored."""
    values: dict[str, Any] = {
        "stage": step.stage.value,
        "cursor": step.cursor,
        "looked": _r.looked + step.looked,
        "hit_labels": _r.hit_labels + step.hit_labels,
        "hits": _r.hits + step.hits,
        "patched": _r.patched + step.patched,
        "unchecked_labels": _r.unchecked_labels + step.unchecked_labels,
        "right_hits": _r.right_hits + step.right,
        "wrong_hits": _r.wrong_hits + step.wrong,
        "claim_us": until_us,
    }
    if step.ended:
        values |= {"state": RunState.DONE.value, "end_time_us": now_us}
    still = and_(
        _r.uid == run.uid,
        _r.state == RunState.RUNNING.value,
        _r.stage == run.stage.value,
        _r.cursor == run.cursor,
    )
    return (await conn.execute(update(rule_runs).where(still).values(values))).rowcount == 1


async def to_state(conn: AsyncConnection, run: Run, state: RunState, now_us: int, error: str = "") -> None:
    """Bring a run into a state; one that works may be taken at once."""
    values = {
        "state": state.value,
        "error": error,
        "claim_us": 0,
        "end_time_us": 0 if state is RunState.RUNNING else now_us,
    }
    await conn.execute(update(rule_runs).where(_r.uid == run.uid).values(values))


async def sample(conn: AsyncConnection, run_uid: str, hits: Sequence[Hit]) -> None:
    """Keep those hits whose hash is among the smallest SAMPLE of the run, which favours none."""
    if not hits:
        return
    there = (await conn.execute(select(_h.draw).where(_h.run_uid == run_uid))).scalars().all()
    bar = max(there) if len(there) >= SAMPLE else 1 << 62
    drawn = {draw: hit for hit in hits if (draw := _draw(run_uid, hit)) < bar}
    new = sorted(drawn.items())[:SAMPLE]
    if new:
        await conn.execute(insert_ignore(conn, run_hits), [_hit_row(run_uid, draw, hit) for draw, hit in new])
    everything = sorted({*there, *(draw for draw, _ in new)})
    if len(everything) > SAMPLE:
        over = _h.draw > everything[SAMPLE - 1]
        await conn.execute(delete(run_hits).where(_h.run_uid == run_uid, over))


async def hits(
    conn: AsyncConnection, run_uid: str, rule: str, after: int | None, size: int
) -> list[tuple[int, Hit]]:
    """At most `size` hits of the sample behind `after`, each with its place."""
    query = select(run_hits).where(_h.run_uid == run_uid)
    if after is not None:
        query = query.where(_h.draw > after)
    rows = await conn.execute(query.order_by(_h.draw).limit(size))
    return [
        (
            row.draw,
            Hit(
                row.label_uid,
                row.asset_uid,
                Finding(rule, Severity(row.severity), row.message, row.annotation_id),
            ),
        )
        for row in rows
    ]


async def _later(conn: AsyncConnection, row: Row[Any]) -> tuple[int, int]:
    """How many hits of the sample were confirmed and dismissed that are in no count yet."""
    same = and_(
        _v.project_uid == row.project_uid,
        _v.rule == row.rule,
        _v.label_uid == _h.label_uid,
        _v.annotation_id == _h.annotation_id,
    )
    query = select(_v.confirmed, func.count()).join_from(run_hits, verdicts, same)
    query = query.where(_h.run_uid == row.uid, ~_h.counted).group_by(_v.confirmed)
    found = {bool(confirmed): n for confirmed, n in await conn.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def _draw(run_uid: str, hit: Hit) -> int:
    said = f"{run_uid}\0{hit.label_uid}\0{hit.finding.annotation_id}\0{hit.finding.message}"
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) >> 2


def _hit_row(run_uid: str, draw: int, hit: Hit) -> dict[str, Any]:
    return {
        "run_uid": run_uid,
        "draw": draw,
        "label_uid": hit.label_uid,
        "asset_uid": hit.asset_uid,
        "severity": hit.finding.severity.value,
        "message": hit.finding.message,
        "annotation_id": hit.finding.annotation_id,
        "counted": hit.right is not None,
    }


def _values(run: Run) -> dict[str, Any]:
    same = ("uid", "project_uid", "rule", "version", "terms", "settings", "cursor", "total", "looked")
    more = (
        "hit_labels",
        "hits",
        "patched",
        "unchecked_labels",
        "error",
        "author",
        "create_time_us",
        "end_time_us",
    )
    return {
        **{name: getattr(run, name) for name in (*same, *more)},
        "kind": run.kind.value,
        "state": run.state.value,
        "stage": run.stage.value,
        "right_hits": run.precision.right,
        "wrong_hits": run.precision.wrong,
        "seconds_per_hit": run.review_seconds,
        "review_time_source": run.review_time_source.value,
        "claim_us": 0,
    }


def _run(row: Row[Any], later: tuple[int, int]) -> Run:
    return Run(
        uid=row.uid,
        project_uid=row.project_uid,
        kind=RunKind(row.kind),
        rule=row.rule,
        version=row.version,
        terms=row.terms,
        settings=row.settings,
        state=RunState(row.state),
        stage=Stage(row.stage),
        cursor=row.cursor,
        total=row.total,
        looked=row.looked,
        hit_labels=row.hit_labels,
        hits=row.hits,
        patched=row.patched,
        unchecked_labels=row.unchecked_labels,
        precision=Precision(row.right_hits, row.wrong_hits).plus(*later),
        review_seconds=row.seconds_per_hit,
        review_time_source=ReviewTimeSource(row.review_time_source),
        error=row.error,
        author=row.author,
        create_time_us=row.create_time_us,
        end_time_us=row.end_time_us,
    )
