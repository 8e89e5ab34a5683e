"""SQL room: projects as review_queue announces them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import ontology_pb2
from labelmesh.review.v1 import project_service_pb2
from labels.names import parse_project
from labels.ontology import Ontology
from labels.proto import ontology_from_pb
from sam_segmenter.errors import ProjectNotFound
from sam_segmenter.tables import projects


@dataclass(frozen=True, slots=True)
class Project:
    """A project as runs see it; `asset_count` counts all assets that arrived, texts too."""

    uid: str
    tenant: str
    id: str
    ontology: Ontology
    automatic: bool
    asset_count: int
    next_position: int


async def by_id(conn: AsyncConnection, tenant: str, project_id: str) -> Project:
    """The tenant's project of that id; raises ProjectNotFound."""
    query = select(projects).where(projects.c.tenant == tenant, projects.c.project_id == project_id)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise ProjectNotFound
    return _project(row)


async def locked(conn: AsyncConnection, project_uid: str) -> Project | None:
    """The project, its row locked until the transaction ends so that positions stay in order. None if unknown."""
    query = select(projects).where(projects.c.project_uid == project_uid).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    return _project(row) if row else None


def _project(row: Row[Any]) -> Project:
    return Project(
        row.project_uid,
        row.tenant,
        row.project_id,
        read_ontology(row.ontology),
        row.automatic,
        row.asset_count,
        row.next_position,
    )


@lru_cache(maxsize=128)
def read_ontology(body: bytes) -> Ontology:
    """An ontology from its message."""
    return ontology_from_pb(ontology_pb2.Ontology.FromString(body))


async def put(conn: AsyncConnection, tenant: str, project: project_service_pb2.Project) -> None:
    """Store a project as it is now; one with an older ontology changes nothing. Raises OntologyError, NameInvalid."""
    ontology_from_pb(project.ontology)
    values = {
        "ontology": project.ontology.SerializeToString(),
        "ontology_revision": project.ontology.revision,
        "automatic": project.pre_annotation == project_service_pb2.PRE_ANNOTATION_AUTOMATIC,
    }
    known = await locked(conn, project.uid)
    if known is None:
        key = {"project_uid": project.uid, "tenant": tenant, "project_id": parse_project(project.name)}
        await conn.execute(projects.insert().values(**key, **values, asset_count=0, next_position=1))
    elif project.ontology.revision >= known.ontology.revision:
        await conn.execute(update(projects).where(projects.c.project_uid == project.uid).values(**values))
