"""SQL room: projects, their texts and the revisions of their prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from labelmesh.label.v1 import asset_pb2, ontology_pb2
from labelmesh.review.v1 import project_service_pb2
from labels.names import ASSET, parse, parse_project
from labels.ontology import Ontology
from labels.proto import ontology_from_pb
from llm_annotator.errors import NoTextTool, ProjectMissing, RequestInvalid
from llm_annotator.prompt import MAX_PART_CHARS, Template, compile_output_spec
from llm_annotator.tables import assets, projects, prompts

MAX_REVISIONS = 1_000


@dataclass(frozen=True, slots=True)
class Project:
    """A project as the annotator sees it."""

    uid: str
    tenant: str
    id: str
    ontology: Ontology
    ontology_body: bytes
    instruction: str
    automatic: bool
    asset_count: int
    next_position: int


async def by_id(conn: AsyncConnection, tenant: str, project_id: str) -> Project:
    """The tenant's project of that id; raises ProjectMissing."""
    query = select(projects).where(projects.c.tenant == tenant, projects.c.project_id == project_id)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise ProjectMissing
    return _project(row)


async def locked(conn: AsyncConnection, project_uid: str) -> Project | None:
    """The project, its row locked until the transaction ends so that positions stay in order.

    None if unknown.
    """
    query = select(projects).where(projects.c.project_uid == project_uid).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    return _project(row) if row else None


def _project(row: Row[Any]) -> Project:
    return Project(
        row.project_uid,
        row.tenant,
        row.project_id,
        read_ontology(row.ontology),
        row.ontology,
        row.instruction,
        row.automatic,
        row.asset_count,
        row.next_position,
    )


@lru_cache(maxsize=128)
def read_ontology(body: bytes) -> Ontology:
    """An ontology from its message."""
    return ontology_from_pb(ontology_pb2.Ontology.FromString(body))


async def put(conn: AsyncConnection, tenant: str, project: project_service_pb2.Project) -> None:
    """Store a project as it is now; a changed ontology or instruction makes a new revision of its prompt."""
    body = project.ontology.SerializeToString(deterministic=True)
    values = {
        "ontology": body,
        "ontology_revision": project.ontology.revision,
        "instruction": project.instruction,
        "automatic": project.pre_annotation == project_service_pb2.PRE_ANNOTATION_AUTOMATIC,
    }
    known = await locked(conn, project.uid)
    if known is None:
        key = {"project_uid": project.uid, "tenant": tenant, "project_id": parse_project(project.name)}
        await conn.execute(projects.insert().values(**key, **values, asset_count=0, next_position=1))
    elif project.ontology.revision < known.ontology.revision:
        return
    else:
        await conn.execute(update(projects).where(projects.c.project_uid == project.uid).values(**values))
    if known is None or known.ontology_body != body or known.instruction != project.instruction:
        await _follow(conn, project.uid, read_ontology(body), known, project.instruction)


async def _follow(
    conn: AsyncConnection, project_uid: str, ontology: Ontology, known: Project | None, instruction: str
) -> None:
    """Add the prompt revision that a changed project needs; the instruction of an edited prompt is kept."""
    try:
        spec = compile_output_spec(ontology)
    except NoTextTool:
        return
    last = await newest_prompt(conn, project_uid) if known else None
    if last is not None and known is not None and known.instruction == instruction:
        instruction = last.instruction
    await _insert_prompt(conn, project_uid, last, instruction, spec, ontology.revision)


async def add_prompt(conn: AsyncConnection, project: Project, instruction: str, spec: str) -> Template:
    """Add a revision of the project's prompt; an empty output spec is compiled from the ontology.

    Raises RequestInvalid or NoTextTool.
    """
    if not instruction.strip() or max(len(instruction), len(spec)) > MAX_PART_CHARS:
        raise RequestInvalid(
            f"A prompt needs an instruction; its parts have at most {MAX_PART_CHARS:,} characters."
        )
    compiled = compile_output_spec(project.ontology)
    await locked(conn, project.uid)
    last = await newest_prompt(conn, project.uid)
    return await _insert_prompt(
        conn, project.uid, last, instruction, spec or compiled, project.ontology.revision
    )


async def _insert_prompt(
    conn: AsyncConnection,
    project_uid: str,
    last: Template | None,
    instruction: str,
    spec: str,
    ontology_revision: int,
) -> Template:
    revision = last.revision + 1 if last else 1
    template = Template(revision, instruction, spec, ontology_revision, now_us())
    await conn.execute(
        prompts.insert().values(
            project_uid=project_uid,
            revision=revision,
            instruction=instruction,
            output_spec=spec,
            ontology_revision=ontology_revision,
            create_time_us=template.create_time_us,
        )
    )
    return template


async def newest_prompt(conn: AsyncConnection, project_uid: str) -> Template | None:
    """The newest revision of the project's prompt; None while its ontology has no text tool."""
    return next(iter(await list_prompts(conn, project_uid, 1)), None)


async def list_prompts(conn: AsyncConnection, project_uid: str, limit: int = MAX_REVISIONS) -> list[Template]:
    """The newest revisions of the project's prompt, newest first."""
    query = select(prompts).where(prompts.c.project_uid == project_uid)
    rows = await conn.execute(query.order_by(prompts.c.revision.desc()).limit(limit))
    return [_template(row) for row in rows]


async def prompt_of_revision(conn: AsyncConnection, project_uid: str, revision: int) -> Template:
    """One revision of the project's prompt."""
    query = select(prompts).where(prompts.c.project_uid == project_uid, prompts.c.revision == revision)
    return _template((await conn.execute(query)).one())


def _template(row: Row[Any]) -> Template:
    return Template(row.revision, row.instruction, row.output_spec, row.ontology_revision, row.create_time_us)


async def add_assets(
    conn: AsyncConnection, project: Project, messages: Sequence[asset_pb2.Asset], *, reviewed: bool = False
) -> Project:
    """Store texts in the order given, those known already left alone; returns the project with its new
    counts.

    `project` must be locked. Pictures are counted but not kept.
    """
    first = project.next_position
    rows = [
        {
            "project_uid": project.uid,
            "asset_uid": parse(message.name, ASSET)[1],
            "position": first + n,
            "key": message.key,
            "body": message.SerializeToString(),
            "reviewed": reviewed,
        }
        for n, message in enumerate(messages)
        if message.WhichOneof("content") != "image_ref"
    ]
    if rows:
        await conn.execute(insert_ignore(conn, assets), rows)
    fresh = select(func.count()).where(assets.c.project_uid == project.uid, assets.c.position >= first)
    stored = await conn.scalar(fresh) or 0
    count = project.asset_count + stored + len(messages) - len(rows)
    values = {"asset_count": count, "next_position": first + len(messages)}
    await conn.execute(update(projects).where(projects.c.project_uid == project.uid).values(**values))
    return Project(
        project.uid,
        project.tenant,
        project.id,
        project.ontology,
        project.ontology_body,
        project.instruction,
        project.automatic,
        count,
        first + len(messages),
    )


async def mark_reviewed(conn: AsyncConnection, project_uid: str, asset_uid: str) -> int:
    """Remember that a person has labelled the asset; returns its position."""
    here = (assets.c.project_uid == project_uid) & (assets.c.asset_uid == asset_uid)
    await conn.execute(update(assets).where(here).values(reviewed=True))
    return int((await conn.execute(select(assets.c.position).where(here))).scalar_one())


async def knows_asset(conn: AsyncConnection, project_uid: str, asset_uid: str) -> bool:
    """Whether the text is stored."""
    here = (assets.c.project_uid == project_uid) & (assets.c.asset_uid == asset_uid)
    return (await conn.execute(select(assets.c.position).where(here))).first() is not None
