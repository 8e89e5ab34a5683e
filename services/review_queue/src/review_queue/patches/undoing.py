"""SQL room: giving labels the claims back that they had before a run of rules."""

from prometheus_client import Counter
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from labels.label import derive_uid
from labels.proto import label_from_pb
from review_queue import assets, projects, revisions, task_rows
from review_queue.errors import ProjectNotFound
from review_queue.patches.patching import Made, put
from review_queue.patches.tables import label_patches, reverted_runs
from review_queue.project import Project

UNDONE = Counter("labelmesh_review_queue_undone", "Labels of runs that were undone, by fate.", ["fate"])
_ASSETS_AT_ONCE = 500
_p = label_patches.c


async def undo(conn: AsyncConnection, project_uid: str, rule_run: str) -> None:
    """Give every label that still stands as the run left it the claims back that it had before, as a new label.

    Labels that have changed since, and those that a person is at work on, are kept as they are and counted. Asked
    again, it restores what could not be restored before. Raises ProjectNotFound or AssetNotFound.
    """
    known = await projects.by_uids(conn, [project_uid])
    if project_uid not in known:
        raise ProjectNotFound
    project = known[project_uid]
    key = {"project_uid": project_uid, "rule_run": rule_run}
    zero = {"restored": 0, "kept": 0, "create_time_us": now_us()}
    await conn.execute(insert_ignore(conn, reverted_runs), [key | zero])
    restored = kept = 0
    after = ""
    while chains := await _chains(conn, project_uid, rule_run, after):
        after = max(chains)
        held = await task_rows.hold(conn, [(project_uid, asset_uid) for asset_uid in chains])
        for asset_uid, bases in chains.items():
            if await _restore(conn, project, held[asset_uid], bases, rule_run):
                restored += 1
            else:
                kept += not _is_undone(held[asset_uid], bases, rule_run)
    mine = (reverted_runs.c.project_uid == project_uid) & (reverted_runs.c.rule_run == rule_run)
    values = {"restored": reverted_runs.c.restored + restored, "kept": kept}
    await conn.execute(update(reverted_runs).where(mine).values(values))
    UNDONE.labels("restored").inc(restored)
    UNDONE.labels("kept").inc(kept)


async def _chains(
    conn: AsyncConnection, project_uid: str, rule_run: str, after: str
) -> dict[str, dict[str, str]]:
    """By asset, behind the asset `after`: each label that the run made, and the one it was made of."""
    of_run = (_p.project_uid == project_uid) & (_p.rule_run == rule_run) & (_p.asset_uid > after)
    page = select(_p.asset_uid).where(of_run).distinct().order_by(_p.asset_uid).limit(_ASSETS_AT_ONCE)
    found = (await conn.execute(page)).scalars().all()
    if not found:
        return {}
    query = select(_p.asset_uid, _p.label_uid, _p.base_label_uid).where(of_run, _p.asset_uid <= found[-1])
    chains: dict[str, dict[str, str]] = {}
    for row in await conn.execute(query):
        chains.setdefault(row.asset_uid, {})[row.label_uid] = row.base_label_uid
    return chains


def _is_undone(held: task_rows.Held, bases: dict[str, str], rule_run: str) -> bool:
    """Whether the asset's label is what an earlier undoing of the run put there."""
    return held.standing.label_uid in {_uid(rule_run, made, held.uid) for made in bases}


def _uid(rule_run: str, made: str, asset_uid: str) -> str:
    return derive_uid(f"undone\0{rule_run}\0{made}", asset_uid)


async def _restore(
    conn: AsyncConnection, project: Project, held: task_rows.Held, bases: dict[str, str], rule_run: str
) -> bool:
    """Whether the asset's label stood as the run left it, and has its former claims again."""
    current = held.standing.label_uid
    if current not in bases or held.lease_expire_us > now_us():
        return False
    first = current
    while first in bases:
        first = bases[first]
    now = label_from_pb(await revisions.get(conn, project, current))
    before = label_from_pb(await revisions.get(conn, project, first))
    asset = await assets.get(conn, project, held.uid)
    uid = _uid(rule_run, current, held.uid)
    await put(conn, project, asset, held, Made(now, before.annotations, uid, rule_run))
    return True
