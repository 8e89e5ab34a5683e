"""SQL of projects and their rule settings."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import ontology_pb2
from labels.label import Severity
from labels.ontology import Ontology
from labels.proto import ontology_from_pb
from qa_engine.engine import Rule, Ruleset, Settings
from qa_engine.errors import ProjectUnknown
from qa_engine.tables import projects, rule_settings


@dataclass(frozen=True, slots=True)
class Project:
    """A project as rules see it."""

    uid: str
    id: str
    ontology: Ontology
    ruleset: Ruleset


async def by_uid(conn: AsyncConnection, uids: Collection[str]) -> dict[str, Project]:
    """The projects that are known, by uid."""
    return await _read(conn, select(projects).where(projects.c.project_uid.in_(uids)))


async def by_id(conn: AsyncConnection, tenant: str, project_id: str, *, lock: bool = False) -> Project:
    """The tenant's project of that id; raises ProjectUnknown."""
    query = select(projects).where(projects.c.tenant == tenant, projects.c.project_id == project_id)
    found = await _read(conn, query.with_for_update() if lock else query)
    for project in found.values():
        return project
    raise ProjectUnknown


async def _read(conn: AsyncConnection, query: Select[Any]) -> dict[str, Project]:
    rows = (await conn.execute(query)).all()
    if not rows:
        return {}
    uids = [row.project_uid for row in rows]
    settings: dict[str, dict[str, Settings]] = {uid: {} for uid in uids}
    for own in await conn.execute(select(rule_settings).where(rule_settings.c.project_uid.in_(uids))):
        settings[own.project_uid][own.rule] = Settings(
            own.enabled, Severity(own.severity), json.loads(own.parameters)
        )
    return {row.project_uid: _project(row, settings[row.project_uid]) for row in rows}


def _project(row: Row[Any], settings: Mapping[str, Settings]) -> Project:
    ruleset = Ruleset(row.ruleset_revision, settings)
    return Project(row.project_uid, row.project_id, _ontology(row.ontology), ruleset)


@lru_cache(maxsize=128)
def _ontology(serialized: bytes) -> Ontology:
    return ontology_from_pb(ontology_pb2.Ontology.FromString(serialized))


async def put(
    conn: AsyncConnection, uid: str, tenant: str, project_id: str, ontology: ontology_pb2.Ontology
) -> None:
    """Store a project or its newer ontology; an older revision changes nothing."""
    known = await conn.scalar(select(projects.c.ontology_revision).where(projects.c.project_uid == uid))
    values = {"ontology": ontology.SerializeToString(), "ontology_revision": ontology.revision}
    if known is None:
        key = {"project_uid": uid, "tenant": tenant, "project_id": project_id, "ruleset_revision": 0}
        await conn.execute(projects.insert().values(**key, **values))
    elif ontology.revision > known:
        await conn.execute(update(projects).where(projects.c.project_uid == uid).values(**values))


async def change_rule(
    conn: AsyncConnection, tenant: str, project_id: str, rule: Rule, change: Settings
) -> tuple[Settings, int]:
    """Change a rule in a project; parameters left out keep their value. Returns what holds now and its
    revision.

    The revision grows only when something changed. Raises ProjectUnknown or RuleSettingsInvalid.
    """
    # The row stays locked until the end of the transaction, so that two changes cannot cross.
    project = await by_id(conn, tenant, project_id, lock=True)
    before = rule.settings(project.ruleset)
    after = rule.change(before, change)
    if after == before:
        return before, project.ruleset.revision
    await _put_settings(conn, project, rule.id, after)
    revision = project.ruleset.revision + 1
    await conn.execute(
        update(projects).where(projects.c.project_uid == project.uid).values(ruleset_revision=revision)
    )
    return after, revision


async def _put_settings(conn: AsyncConnection, project: Project, rule_id: str, settings: Settings) -> None:
    values = {
        "enabled": settings.enabled,
        "severity": settings.severity.value,
        "parameters": json.dumps(dict(settings.parameters)),
    }
    if rule_id in project.ruleset.settings:
        mine = (rule_settings.c.project_uid == project.uid) & (rule_settings.c.rule == rule_id)
        await conn.execute(update(rule_settings).where(mine).values(**values))
    else:
        await conn.execute(rule_settings.insert().values(project_uid=project.uid, rule=rule_id, **values))
