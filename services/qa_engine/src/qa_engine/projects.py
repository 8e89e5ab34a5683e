"""SQL of projects and their rule settings."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.prepared import Prepared
from labelmesh.label.v1 import ontology_pb2
from labels.label import Severity
from labels.ontology import Ontology
from labels.proto import ontology_from_pb
from qa_engine.conduct import Action, Conduct
from qa_engine.errors import ProjectUnknown
from qa_engine.plugins import store
from qa_engine.rule import Rule, Ruleset, Settings, Value
from qa_engine.tables import projects, rule_settings


@dataclass(frozen=True, slots=True)
class Project:
    """A project as rules see it."""

    uid: str
    tenant: str
    id: str
    ontology: Ontology
    ruleset: Ruleset


async def by_uid(conn: AsyncConnection, uids: Collection[str]) -> dict[str, Project]:
    """The projects that are known, by uid."""
    return await _with_own_rules(conn, _projects(await _BY_UIDS.rows(conn, {"uids": sorted(uids)})))


async def by_id(conn: AsyncConnection, tenant: str, project_id: str, *, lock: bool = False) -> Project:
    """The tenant's project of that id, held until the end of the transaction if asked; raises ProjectUnknown."""
    mine = (projects.c.tenant == tenant) & (projects.c.project_id == project_id)
    if lock:
        await conn.execute(select(projects.c.project_uid).where(mine).with_for_update())
    found = await _with_own_rules(conn, _projects(await conn.execute(_QUERY.where(mine))))
    for project in found.values():
        return project
    raise ProjectUnknown


async def _with_own_rules(conn: AsyncConnection, found: dict[str, Project]) -> dict[str, Project]:
    """The same projects with the rules that they made themselves."""
    own = await store.rules(conn, found)
    return {
        uid: replace(project, ruleset=replace(project.ruleset, custom=own.get(uid, ())))
        for uid, project in found.items()
    }


_QUERY = select(
    projects,
    rule_settings.c.rule,
    rule_settings.c.enabled,
    rule_settings.c.severity,
    rule_settings.c.parameters,
    rule_settings.c.shadow,
    rule_settings.c.action,
    rule_settings.c.route_boost,
    rule_settings.c.route_pool,
    rule_settings.c.precision_floor,
    rule_settings.c.schedule_minutes,
).outerjoin(rule_settings, rule_settings.c.project_uid == projects.c.project_uid)
_BY_UIDS = Prepared(_QUERY.where(projects.c.project_uid.in_(bindparam("uids", expanding=True))))


def _projects(rows: Iterable[Row[Any]]) -> dict[str, Project]:
    """Projects of rows that each carry at most one rule's settings."""
    found: dict[str, Project] = {}
    for uid, group in groupby(sorted(rows, key=lambda row: row.project_uid), key=lambda row: row.project_uid):
        members = list(group)
        settings = {row.rule: _settings(row) for row in members if row.rule is not None}
        ruleset = Ruleset(members[0].ruleset_revision, settings)
        found[uid] = Project(
            uid, members[0].tenant, members[0].project_id, _ontology(members[0].ontology), ruleset
        )
    return found


def _settings(row: Row[Any]) -> Settings:
    conduct = Conduct(
        row.shadow,
        Action(row.action),
        row.route_boost,
        row.route_pool,
        row.precision_floor,
        row.schedule_minutes,
    )
    return Settings(row.enabled, Severity(row.severity), _parameters(row.parameters), conduct)


def _parameters(text: str) -> dict[str, Value]:
    """Numbers and texts of a JSON object, whose lists are texts."""
    found = json.loads(text)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


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


async def put_rule(conn: AsyncConnection, project: Project, rule: Rule, settings: Settings) -> Ruleset:
    """Store a rule's settings in a project that is held; what holds from now on."""
    await _put_settings(conn, project, rule.id, settings)
    revision = project.ruleset.revision + 1
    await conn.execute(
        update(projects).where(projects.c.project_uid == project.uid).values(ruleset_revision=revision)
    )
    return replace(
        project.ruleset, revision=revision, settings={**project.ruleset.settings, rule.id: settings}
    )


async def _put_settings(conn: AsyncConnection, project: Project, rule_id: str, settings: Settings) -> None:
    values = {
        "enabled": settings.enabled,
        "severity": settings.severity.value,
        "parameters": json.dumps(dict(settings.parameters)),
        "shadow": settings.conduct.shadow,
        "action": settings.conduct.action.value,
        "route_boost": settings.conduct.route_boost,
        "route_pool": settings.conduct.route_pool,
        "precision_floor": settings.conduct.precision_floor,
        "schedule_minutes": settings.conduct.schedule_minutes,
    }
    if rule_id in project.ruleset.settings:
        mine = (rule_settings.c.project_uid == project.uid) & (rule_settings.c.rule == rule_id)
        await conn.execute(update(rule_settings).where(mine).values(**values))
    else:
        await conn.execute(rule_settings.insert().values(project_uid=project.uid, rule=rule_id, **values))
