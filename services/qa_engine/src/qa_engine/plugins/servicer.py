"""PluginService on the wire."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc

from chassis.auth import caller
from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import page
from labelmesh.qa.v1 import plugin_service_pb2 as pb2
from labelmesh.qa.v1.plugin_service_pb2_grpc import PluginServiceServicer
from labels.names import parse_project
from qa_engine import projects
from qa_engine.plugins import custom, store, wire
from qa_engine.plugins.drafting import Drafter
from qa_engine.plugins.errors import PluginFailed
from qa_engine.plugins.plugin import Plugin, check_name
from qa_engine.plugins.trying import Trier
from qa_engine.projects import Project

Context = grpc.aio.ServicerContext[Any, Any]


class PluginServicer(PluginServiceServicer):
    """Translates between the wire and the plugins; every call sees only the caller's tenant."""

    def __init__(self, db: Database, trier: Trier, drafter: Drafter) -> None:
        self._db = db
        self._trier = trier
        self._drafter = drafter

    async def CreatePlugin(
        self, request: pb2.CreatePluginRequest, context: Context
    ) -> pb2.CreatePluginResponse:
        """Store a plugin whose rule is off."""
        project = await self._project(request.parent)
        plugin, tests = await self._readable(request.plugin, project)
        async with self._db.begin() as conn:
            await projects.by_id(conn, project.tenant, project.id, lock=True)
            made = await store.create(conn, project.uid, plugin, tests, caller().actor, now_us())
        return pb2.CreatePluginResponse(plugin=wire.stored_to_pb(made, project.id))

    async def GetPlugin(self, request: pb2.GetPluginRequest, context: Context) -> pb2.GetPluginResponse:
        """A plugin, or a revision of it."""
        project_id, name = wire.parse_plugin(request.name)
        async with self._db.read() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            found = await store.get(conn, project.uid, name, request.revision)
        return pb2.GetPluginResponse(plugin=wire.stored_to_pb(found, project_id))

    async def ListPlugins(self, request: pb2.ListPluginsRequest, context: Context) -> pb2.ListPluginsResponse:
        """A page of the project's plugins."""
        project = await self._project(request.parent)
        asked = page(("plugins", project.uid), request.page_size, request.page_token, (str,))
        async with self._db.read() as conn:
            found, more = await store.some(conn, project.uid, asked)
        shown = [wire.stored_to_pb(stored, project.id) for stored in found]
        return pb2.ListPluginsResponse(plugins=shown, next_page_token=more)

    async def UpdatePlugin(
        self, request: pb2.UpdatePluginRequest, context: Context
    ) -> pb2.UpdatePluginResponse:
        """Replace a plugin."""
        project = await self._project(f"projects/{wire.parse_plugin(request.plugin.name)[0]}")
        plugin, tests = await self._readable(request.plugin, project)
        etag, actor = request.plugin.etag, caller().actor
        async with self._db.begin() as conn:
            await projects.by_id(conn, project.tenant, project.id, lock=True)
            now = await store.change(conn, project.uid, plugin, tests, etag, actor, now_us())
        return pb2.UpdatePluginResponse(plugin=wire.stored_to_pb(now, project.id))

    async def DeletePlugin(
        self, request: pb2.DeletePluginRequest, context: Context
    ) -> pb2.DeletePluginResponse:
        """Delete a plugin."""
        project_id, name = wire.parse_plugin(request.name)
        async with self._db.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id, lock=True)
            await store.remove(conn, project.uid, name, request.etag)
        return pb2.DeletePluginResponse()

    async def ValidatePlugin(
        self, request: pb2.ValidatePluginRequest, context: Context
    ) -> pb2.ValidatePluginResponse:
        """Whether a plugin can be read."""
        project = await self._project(request.parent)
        plugin = wire.plugin_from_pb(request.plugin, project.id)
        try:
            hooks = await asyncio.to_thread(custom.hooks, plugin, self._trier.sandbox)
        except PluginFailed as failure:
            return pb2.ValidatePluginResponse(error=wire.error_to_pb(failure))
        return pb2.ValidatePluginResponse(hooks=sorted(hooks))

    async def TestPlugin(self, request: pb2.TestPluginRequest, context: Context) -> pb2.TestPluginResponse:
        """Run a plugin on labels."""
        project = await self._project(request.parent)
        plugin, tests = await self._meant(request, project)
        cases = wire.cases_from_pb(request.tests or tests, project.ontology, plugin.name)
        results = await self._trier.run(project.tenant, plugin, cases)
        return pb2.TestPluginResponse(results=wire.results_to_pb(results))

    async def DraftRule(self, request: pb2.DraftRuleRequest, context: Context) -> pb2.DraftRuleResponse:
        """Have a model write a plugin."""
        project = await self._project(request.parent)
        check_name(request.plugin_id)
        draft = await self._drafter.draft(request.plugin_id, request.description, project.ontology)
        tests = [wire.case_to_pb(result.case, project.id) for result in draft.results]
        data = wire.tests_to_bytes(tests, draft.plugin.name)
        return pb2.DraftRuleResponse(
            plugin=wire.plugin_to_pb(draft.plugin, project.id, data),
            results=wire.results_to_pb(draft.results),
            model=draft.model,
            attempts=draft.attempts,
        )

    async def _meant(self, request: pb2.TestPluginRequest, project: Project) -> tuple[Plugin, Any]:
        """The plugin in the request, or the stored one that it names, with its own tests."""
        if request.plugin.code:
            plugin, _ = await self._readable(request.plugin, project)
            return plugin, request.plugin.tests
        _, name = wire.parse_plugin(request.plugin.name)
        async with self._db.read() as conn:
            stored = await store.get(conn, project.uid, name)
        return stored.plugin, wire.tests_of(stored)

    async def _readable(self, pb: pb2.Plugin, project: Project) -> tuple[Plugin, bytes]:
        """A plugin that the sandbox can read, with its hooks and tests."""
        plugin = wire.plugin_from_pb(pb, project.id)
        wire.cases_from_pb(pb.tests, project.ontology, plugin.name)
        hooks = await asyncio.to_thread(custom.hooks, plugin, self._trier.sandbox)
        return replace(plugin, hooks=hooks), wire.tests_to_bytes(pb.tests, plugin.name)

    async def _project(self, parent: str) -> Project:
        project_id = parse_project(parent)
        async with self._db.read() as conn:
            return await projects.by_id(conn, caller().tenant, project_id)
