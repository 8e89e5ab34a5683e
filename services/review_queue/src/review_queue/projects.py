"""SQL room: projects.

Every call needs its project, and most of a project never changes: its definition, with an ontology that may have
16,000 categories. So this process keeps projects as it last saw them, and a call asks only for what may have changed.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from chassis.ids import new_uid
from chassis.pages import Page
from chassis.prepared import Prepared
from labelmesh.label.v1 import ontology_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.proto import ontology_from_pb, ontology_to_pb
from review_queue import tables
from review_queue.assurance.tables import policies
from review_queue.errors import ProjectExists, ProjectNotFound
from review_queue.measures.holdout import HoldOut
from review_queue.priority import Weights
from review_queue.project import Definition, PreAnnotation, Project, check_project
from review_queue.routing.wire import policy_from_body
from review_queue.wire import project_to_pb

_projects = tables.projects
_p = _projects.c
_share = select(policies.c.check_share).where(policies.c.project_uid == _p.uid).scalar_subquery()
changing = (
    _p.uid.label("project_uid"),
    *(_p[name] for name in ("asset_count", "queue_policy_revision")),
    *(_p[f"holdout_{name}"] for name in ("share", "secret", "experiment", "time_us")),
    _share.label("check_share"),
)
"""Columns of a project that may change, and its uid; `from_row` makes the project of them."""
named = and_(_p.tenant == bindparam("of_tenant"), _p.project_id == bindparam("by_id"))
"""That it is the project which `name_of` names."""
unchanged = exists(
    select(_p.uid).where(
        _p.uid == bindparam("in_project"),
        _p.queue_policy_revision == bindparam("with_policy"),
        _p.holdout_experiment == bindparam("in_experiment"),
        func.coalesce(_share, 0.0) == bindparam("with_check_share"),
    )
)
"""That nothing about the project of `as_seen` has changed but the number of its assets."""
_changing = select(*changing).where(named)
_CHANGING, _LOCKED = Prepared(_changing), Prepared(_changing.with_for_update(of=_projects))
_BY_UIDS = Prepared(
    select(*changing, _p.tenant, _p.project_id).where(_p.uid.in_(bindparam("uids", expanding=True)))
)
_WHOLE = select(_projects, _share.label("check_share"))
KEPT = 64
"""Projects that a process remembers."""
_kept: dict[tuple[str, str], Project] = {}


def name_of(tenant: str, project_id: str) -> dict[str, str]:
    """The parameters of `named`."""
    return {"of_tenant": tenant, "by_id": project_id}


def as_seen(project: Project) -> dict[str, Any]:
    """The parameters of `unchanged`."""
    return {
        "in_project": project.uid,
        "with_policy": project.routing.revision,
        "in_experiment": project.holdout.experiment,
        "with_check_share": project.check_share,
    }


async def create(db: Database, tenant: str, project_id: str, definition: Definition) -> Project:
    """Store a project, or return it when it is there with the same definition.

    Raises ProjectInvalid, OntologyError or ProjectExists.
    """
    check_project(project_id, definition)
    definition = replace(definition, ontology=replace(definition.ontology, revision=1))
    project = Project(new_uid(), tenant, project_id, definition, 0, now_us())
    async with db.begin() as conn:
        inserted = await conn.execute(insert_ignore(conn, _projects).values(_values(project)))
        if not inserted.rowcount:
            found = await get(conn, tenant, project_id)
            if found.definition != definition:
                raise ProjectExists
            return found
        event = review_events_pb2.ProjectChanged(tenant=tenant, project=project_to_pb(project))
        await outbox.add(conn, event, project.uid)
    return project


async def get(conn: AsyncConnection, tenant: str, project_id: str, *, lock: bool = False) -> Project:
    """The tenant's project; `lock` keeps others from changing its row until the end. Raises ProjectNotFound."""
    for row in await (_LOCKED if lock else _CHANGING).rows(conn, name_of(tenant, project_id)):
        return await from_row(conn, tenant, project_id, row)
    raise ProjectNotFound


async def read(db: Database, tenant: str, project_id: str) -> Project:
    """The tenant's project as it is now. Raises ProjectNotFound."""
    async with db.read_one() as conn:
        return await get(conn, tenant, project_id)


async def from_row(conn: AsyncConnection, tenant: str, project_id: str, row: Any) -> Project:
    """The project of a row with its `changing` columns. Raises ProjectNotFound."""
    known = _known((tenant, project_id), row) or (await _whole(conn, [row.project_uid])).get(row.project_uid)
    if known is None:
        raise ProjectNotFound
    return known


async def by_uids(conn: AsyncConnection, uids: Iterable[str]) -> dict[str, Project]:
    """Those of the projects that exist."""
    rows = await _BY_UIDS.rows(conn, {"uids": sorted(set(uids))})
    found = {row.project_uid: _known((row.tenant, row.project_id), row) for row in rows}
    missing = [uid for uid, project in found.items() if project is None]
    whole = await _whole(conn, missing) if missing else {}
    return {uid: project for uid, project in found.items() if project is not None} | whole


def last(tenant: str, project_id: str) -> Project | None:
    """The project as this process saw it last, which may be long ago; `unchanged` tells whether it still is so."""
    return _kept.get((tenant, project_id))


def _known(name: tuple[str, str], row: Any) -> Project | None:
    """The kept project with what has changed of it, None where the row is of another one or has another policy."""
    kept = _kept.get(name)
    if kept is None or (kept.uid, kept.routing.revision) != (row.project_uid, row.queue_policy_revision):
        return None
    changed = _changed(row)
    if all(getattr(kept, field) == value for field, value in changed.items()):
        return kept
    return _keep(replace(kept, **changed))


async def _whole(conn: AsyncConnection, uids: Iterable[str]) -> dict[str, Project]:
    rows = await conn.execute(_WHOLE.where(_p.uid.in_(sorted(uids))))
    return {row.uid: _keep(_project(row)) for row in rows}


def _keep(project: Project) -> Project:
    key = (project.tenant, project.project_id)
    if key not in _kept and len(_kept) >= KEPT:
        del _kept[next(iter(_kept))]
    _kept[key] = project
    return project


async def some(conn: AsyncConnection, tenant: str, page: Page) -> tuple[list[Project], str]:
    """A page of the tenant's projects by id, and the token of the next."""
    query = _WHOLE.where(_p.tenant == tenant)
    if page.after:
        query = query.where(_p.project_id > page.after[0])
    rows = (await conn.execute(query.order_by(_p.project_id).limit(page.size + 1))).all()
    cut, token = page.cut(rows, lambda row: len(row.ontology), lambda row: (row.project_id,))
    return [_project(row) for row in cut], token


def _values(project: Project) -> dict[str, Any]:
    definition, weights = project.definition, project.definition.weights
    return {
        "uid": project.uid,
        "tenant": project.tenant,
        "project_id": project.project_id,
        "display_name": definition.display_name,
        "instruction": definition.instruction,
        "ontology": ontology_to_pb(definition.ontology).SerializeToString(),
        "pre_annotation": definition.pre_annotation.value,
        "weight_uncertainty": weights.uncertainty,
        "weight_findings": weights.findings,
        "weight_age_per_hour": weights.age_per_hour,
        "weight_disagreement": weights.disagreement,
        "weight_business": weights.business,
        "weight_novelty": weights.novelty,
        "asset_count": project.asset_count,
        "create_time_us": project.create_time_us,
    }


def _project(row: Row[*tuple[Any, ...]]) -> Project:
    return Project(
        uid=row.uid,
        tenant=row.tenant,
        project_id=row.project_id,
        definition=Definition(
            display_name=row.display_name,
            instruction=row.instruction,
            ontology=ontology_from_pb(ontology_pb2.Ontology.FromString(row.ontology)),
            pre_annotation=PreAnnotation(row.pre_annotation),
            weights=Weights(
                row.weight_uncertainty,
                row.weight_findings,
                row.weight_age_per_hour,
                row.weight_disagreement,
                row.weight_business,
                row.weight_novelty,
            ),
        ),
        create_time_us=row.create_time_us,
        routing=policy_from_body(row.queue_policy, row.queue_policy_revision),
        **_changed(row),
    )


def _changed(row: Any) -> dict[str, Any]:
    return {
        "asset_count": row.asset_count,
        "holdout": HoldOut(
            row.holdout_share, row.holdout_secret, row.holdout_experiment, row.holdout_time_us
        ),
        "check_share": row.check_share or 0.0,
    }
