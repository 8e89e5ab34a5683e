"""SQL room: projects."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from chassis.ids import new_uid
from chassis.pages import Page
from chassis.prepared import Prepared
from labelmesh.label.v1 import ontology_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.ontology import Ontology
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
_share = select(policies.c.check_share).where(policies.c.project_uid == _projects.c.uid)
_SELECT = select(_projects, _share.scalar_subquery().label("check_share"))
# Every call needs its project, so this is prepared once.
_by_id = _SELECT.where(
    _projects.c.tenant == bindparam("of_tenant"), _projects.c.project_id == bindparam("by_id")
)
_BY_ID, _LOCKED = Prepared(_by_id), Prepared(_by_id.with_for_update(of=_projects))


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
    key = {"of_tenant": tenant, "by_id": project_id}
    for row in await (_LOCKED if lock else _BY_ID).rows(conn, key):
        return _project(row)
    raise ProjectNotFound


async def by_uids(conn: AsyncConnection, uids: Iterable[str]) -> dict[str, Project]:
    """Those of the projects that exist."""
    rows = await conn.execute(_SELECT.where(_projects.c.uid.in_(sorted(set(uids)))))
    return {row.uid: _project(row) for row in rows}


async def some(conn: AsyncConnection, tenant: str, page: Page) -> tuple[list[Project], str]:
    """A page of the tenant's projects by id, and the token of the next."""
    query = _SELECT.where(_projects.c.tenant == tenant)
    if page.after:
        query = query.where(_projects.c.project_id > page.after[0])
    rows = (await conn.execute(query.order_by(_projects.c.project_id).limit(page.size + 1))).all()
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


@lru_cache(maxsize=64)
def _project(row: Row[*tuple[Any, ...]]) -> Project:
    return Project(
        uid=row.uid,
        tenant=row.tenant,
        project_id=row.project_id,
        definition=Definition(
            display_name=row.display_name,
            instruction=row.instruction,
            ontology=_ontology(row.ontology),
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
        asset_count=row.asset_count,
        create_time_us=row.create_time_us,
        holdout=HoldOut(row.holdout_share, row.holdout_secret, row.holdout_experiment, row.holdout_time_us),
        routing=policy_from_body(row.queue_policy, row.queue_policy_revision),
        check_share=row.check_share or 0.0,
    )


# An ontology may have 16,000 categories, and every call needs its project.
@lru_cache(maxsize=64)
def _ontology(body: bytes) -> Ontology:
    return ontology_from_pb(ontology_pb2.Ontology.FromString(body))
