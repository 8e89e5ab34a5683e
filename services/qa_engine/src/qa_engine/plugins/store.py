"""SQL of plugins and their revisions.

Whatever changes a plugin turns its rule off and counts the project's rule settings up, in the same transaction:
code that nobody has tried is never held against a label.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.pages import Page
from chassis.prepared import Prepared
from labels.label import Severity
from qa_engine.plugins import custom, sandbox
from qa_engine.plugins.errors import PluginChanged, PluginExists, PluginInvalid, PluginsFull, PluginUnknown
from qa_engine.plugins.plugin import Hook, Language, Plugin
from qa_engine.plugins.tables import plugin_revisions, plugins
from qa_engine.rule import Rule
from qa_engine.tables import projects, rule_settings

MAX_PLUGINS = 100
_t, _r = plugins.c, plugin_revisions.c
_RULES = Prepared(
    select(*(_t[name] for name in ("project_uid", "name", "language", "code", "description", "message")))
    .add_columns(_t.severity, _t.hooks, _t.revision)
    .where(_t.project_uid.in_(bindparam("uids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A plugin with what is kept beside it; `tests` are serialised, and empty in lists and former revisions."""

    plugin: Plugin
    author: str
    update_time_us: int
    create_time_us: int = 0
    tests: bytes = b""

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f"{self.plugin.revision:x}-{self.update_time_us:x}"


async def create(
    conn: AsyncConnection, project_uid: str, plugin: Plugin, tests: bytes, author: str, now_us: int
) -> Stored:
    """Store a plugin; raises PluginExists or PluginsFull. The project's row must be held."""
    count = await conn.scalar(select(func.count()).where(_t.project_uid == project_uid)) or 0
    if await conn.scalar(select(_t.name).where(_mine(project_uid, plugin.name))) is not None:
        raise PluginExists
    if count >= MAX_PLUGINS:
        raise PluginsFull(f"A project has at most {MAX_PLUGINS} plugins.")
    # A name that was deleted goes on counting where it stopped.
    of_name = (_r.project_uid == project_uid) & (_r.name == plugin.name)
    last = await conn.scalar(select(func.max(_r.revision)).where(of_name)) or 0
    stored = Stored(replace(plugin, revision=last + 1), author, now_us, now_us, tests)
    row = {**_values(stored), "create_time_us": now_us, "tests": tests}
    await conn.execute(insert(plugins).values(project_uid=project_uid, **row))
    await _changed(conn, project_uid, stored)
    return stored


async def change(
    conn: AsyncConnection,
    project_uid: str,
    plugin: Plugin,
    tests: bytes,
    etag: str,
    author: str,
    now_us: int,
) -> Stored:
    """Replace a plugin; raises PluginUnknown, PluginChanged or PluginInvalid. The project's row must be held."""
    before = await get(conn, project_uid, plugin.name)
    if etag != before.etag:
        raise PluginChanged
    if plugin.language is not before.plugin.language:
        raise PluginInvalid(plugin.name, 1, "its language cannot change")
    after = Stored(
        replace(plugin, revision=before.plugin.revision + 1), author, now_us, before.create_time_us, tests
    )
    mine = _mine(project_uid, plugin.name)
    await conn.execute(update(plugins).where(mine).values(**_values(after), tests=tests))
    await _changed(conn, project_uid, after)
    return after


async def remove(conn: AsyncConnection, project_uid: str, name: str, etag: str) -> None:
    """Delete a plugin, not its revisions; raises PluginUnknown or PluginChanged. The project's row must be held."""
    before = await get(conn, project_uid, name)
    if etag and etag != before.etag:
        raise PluginChanged
    await conn.execute(delete(plugins).where(_mine(project_uid, name)))
    await _turn_off(conn, project_uid, before.plugin)


async def get(conn: AsyncConnection, project_uid: str, name: str, revision: int = 0) -> Stored:
    """The plugin as it is now, or as it was in a revision; raises PluginUnknown."""
    query = select(plugins).where(_mine(project_uid, name))
    if revision:
        of_name = (_r.project_uid == project_uid) & (_r.name == name)
        query = select(plugin_revisions).where(of_name & (_r.revision == revision))
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise PluginUnknown
    if revision:
        return Stored(_plugin(row), row.author, row.update_time_us)
    return Stored(_plugin(row), row.author, row.update_time_us, row.create_time_us, row.tests)


async def some(conn: AsyncConnection, project_uid: str, page: Page) -> tuple[list[Stored], str]:
    """A page of the project's plugins by name, and the token of the next."""
    query = select(*[column for column in plugins.c if column is not _t.tests])
    query = query.where(_t.project_uid == project_uid)
    if page.after:
        query = query.where(_t.name > page.after[0])
    rows = (await conn.execute(query.order_by(_t.name).limit(page.size + 1))).all()
    cut, token = page.cut(rows, lambda row: 4 * len(row.code) + 2_000, lambda row: (row.name,))
    return [Stored(_plugin(row), row.author, row.update_time_us, row.create_time_us) for row in cut], token


async def rules(conn: AsyncConnection, project_uids: Collection[str]) -> dict[str, tuple[Rule, ...]]:
    """The rules that projects made themselves, by project and in order of their ids."""
    found: dict[str, list[Rule]] = {}
    for row in await _RULES.rows(conn, {"uids": sorted(project_uids)}):
        found.setdefault(row.project_uid, []).append(_rule(_plugin(row)))
    return {uid: tuple(sorted(some, key=lambda rule: rule.id)) for uid, some in found.items()}


@lru_cache(maxsize=1_024)
def _rule(plugin: Plugin) -> Rule:
    """One rule for one plugin, so that rules can be compared."""
    return custom.as_rule(plugin, sandbox.shared())


async def _changed(conn: AsyncConnection, project_uid: str, stored: Stored) -> None:
    """Keep the revision, and turn the rule off."""
    await conn.execute(insert(plugin_revisions).values(project_uid=project_uid, **_values(stored)))
    await _turn_off(conn, project_uid, stored.plugin)


async def _turn_off(conn: AsyncConnection, project_uid: str, plugin: Plugin) -> None:
    # Without settings of its own a plugin's rule is off.
    theirs = (rule_settings.c.project_uid == project_uid) & (rule_settings.c.rule == plugin.rule_id)
    await conn.execute(delete(rule_settings).where(theirs))
    counted = {"ruleset_revision": projects.c.ruleset_revision + 1}
    await conn.execute(update(projects).where(projects.c.project_uid == project_uid).values(**counted))


def _mine(project_uid: str, name: str) -> Any:
    return (_t.project_uid == project_uid) & (_t.name == name)


def _values(stored: Stored) -> dict[str, Any]:
    plugin = stored.plugin
    return {
        "name": plugin.name,
        "revision": plugin.revision,
        "language": plugin.language.value,
        "code": plugin.code,
        "description": plugin.description,
        "message": plugin.message,
        "severity": plugin.severity.value,
        "hooks": json.dumps(sorted(plugin.hooks)),
        "author": stored.author,
        "update_time_us": stored.update_time_us,
    }


def _plugin(row: Row[Any]) -> Plugin:
    return Plugin(
        row.name,
        Language(row.language),
        row.code,
        row.description,
        row.message,
        Severity(row.severity),
        row.revision,
        frozenset(map(Hook, json.loads(row.hooks))),
    )
