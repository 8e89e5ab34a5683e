"""A project's own rules."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.client.plugin import Plugin, PluginError, PluginOutcome, PluginTest, RuleDraft
from labelmesh.client.wire_plugin import (
    error_from_pb,
    outcome_from_pb,
    plugin_from_pb,
    plugin_name,
    plugin_to_pb,
    test_to_pb,
)
from labelmesh.qa.v1 import plugin_service_pb2 as pb2
from labelmesh.qa.v1.plugin_service_pb2_grpc import PluginServiceStub
from labels import names

_LONG_S = 600.0


class Plugins:
    """`client.plugins`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = PluginServiceStub(link.channel)

    async def create(self, project: str, plugin: Plugin) -> Plugin:
        """Store a plugin; its rule is off until it is enabled.

        Raises LabelmeshError with reason PLUGIN_EXISTS, or PLUGIN_INVALID and a message that names the line.
        """
        request = pb2.CreatePluginRequest(
            parent=names.project_name(project), plugin=plugin_to_pb(plugin, project)
        )
        call = partial(self._link.unary, self._stub.CreatePlugin, request, repeatable=False)
        response = await self._arrival.of(project, call)
        return plugin_from_pb(response.plugin)

    async def get(self, project: str, name: str, revision: int = 0) -> Plugin:
        """A plugin as it is now, or as it was in a revision (without its tests then)."""
        request = pb2.GetPluginRequest(name=plugin_name(project, name), revision=revision)
        call = partial(self._link.unary, self._stub.GetPlugin, request, repeatable=True)
        response = await self._arrival.of(project, call)
        return plugin_from_pb(response.plugin)

    async def list(self, project: str) -> AsyncIterator[Plugin]:
        """The project's plugins by name, without their tests."""
        request = pb2.ListPluginsRequest(parent=names.project_name(project))
        call = partial(self._link.unary, self._stub.ListPlugins, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for pb in page.plugins:
                yield plugin_from_pb(pb)

    async def update(self, project: str, plugin: Plugin) -> Plugin:
        """Replace the plugin that was read (its etag counts); its rule is off again."""
        request = pb2.UpdatePluginRequest(plugin=plugin_to_pb(plugin, project))
        return plugin_from_pb(
            (await self._link.unary(self._stub.UpdatePlugin, request, repeatable=False)).plugin
        )

    async def delete(self, project: str, name: str, etag: str = "") -> None:
        """Delete a plugin; with an etag only as it was read."""
        request = pb2.DeletePluginRequest(name=plugin_name(project, name), etag=etag)
        await self._link.unary(self._stub.DeletePlugin, request, repeatable=False)

    async def validate(self, project: str, plugin: Plugin) -> PluginError | None:
        """What keeps the plugin from being read; None when nothing does."""
        request = pb2.ValidatePluginRequest(
            parent=names.project_name(project), plugin=plugin_to_pb(plugin, project)
        )
        call = partial(self._link.unary, self._stub.ValidatePlugin, request, repeatable=True)
        response = await self._arrival.of(project, call)
        return error_from_pb(response.error) if response.HasField("error") else None

    async def test(
        self, project: str, plugin: Plugin, tests: Sequence[PluginTest] = ()
    ) -> tuple[PluginOutcome, ...]:
        """Run a plugin on at most 50 labels, or on its own tests; a plugin without code is the stored one."""
        request = pb2.TestPluginRequest(
            parent=names.project_name(project),
            plugin=plugin_to_pb(plugin, project),
            tests=[test_to_pb(test, project) for test in tests],
        )
        call = partial(self._link.unary, self._stub.TestPlugin, request, repeatable=True, deadline_s=_LONG_S)
        response = await self._arrival.of(project, call)
        return tuple(map(outcome_from_pb, response.results))

    async def draft(self, project: str, name: str, description: str) -> RuleDraft:
        """Have the configured model write a plugin from a sentence; nothing is stored.

        Raises LabelmeshError with reason DRAFT_INVALID when it writes none that passes its own tests, or
        DRAFT_UNAVAILABLE.
        """
        request = pb2.DraftRuleRequest(
            parent=names.project_name(project), plugin_id=name, description=description
        )
        call = partial(self._link.unary, self._stub.DraftRule, request, repeatable=False, deadline_s=_LONG_S)
        response = await self._arrival.of(project, call)
        outcomes = tuple(map(outcome_from_pb, response.results))
        return RuleDraft(plugin_from_pb(response.plugin), outcomes, response.model, response.attempts)
