"""A project's own rules through the API and through events, on a real broker and both databases."""

from dataclasses import replace

import grpc
import pytest

from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import plugin_service_pb2 as pb2
from labelmesh.qa.v1 import rule_service_pb2 as rules_pb
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind, Polygon, Span
from labels.proto import asset_to_pb, label_to_pb
from qa_engine import projects
from tests.integration.qa_engine.conftest import PROJECT_ID, World

ANN, BOB = ((("authorization", f"Bearer token-{who}"),) for who in "ab")
PARENT = f"projects/{PROJECT_ID}"
NAME = f"{PARENT}/plugins/small_roofs"
CODE = """def on_prediction(label, asset, facts):
    return [flag("The roof is too small.", s) for s in label.shapes if s.area_px < 5]
"""
PYTHON, CEL = pb2.PLUGIN_LANGUAGE_PYTHON, pb2.PLUGIN_LANGUAGE_CEL


def polygon(side: float) -> Polygon:
    return Polygon(((0.0, 0.0, side, 0.0, side, side, 0.0, side),))


def trial(side: float, expected: int | None = None, name: str = "") -> pb2.PluginTest:
    asset = Asset("photo", text="a text", uid="x1")
    claims = (Annotation("a0", "outline", "roof", polygon(side), 0.5),)
    label = Label(LabelKind.PREDICTION, "model", claims, uid="l1", asset_uid="x1")
    return pb2.PluginTest(
        name=name,
        asset=asset_to_pb(asset, PROJECT_ID),
        label=label_to_pb(label, PROJECT_ID),
        expected=expected,
    )


def plugin(code: str = CODE, name: str = NAME, language: pb2.PluginLanguage.ValueType = PYTHON) -> pb2.Plugin:
    return pb2.Plugin(name=name, language=language, code=code, description="Roofs have a size.")


async def create(world: World, made: pb2.Plugin | None = None) -> pb2.Plugin:
    request = pb2.CreatePluginRequest(parent=PARENT, plugin=made or plugin())
    return (await world.plugins.CreatePlugin(request, metadata=ANN)).plugin


async def rules(world: World) -> dict[str, rules_pb.Rule]:
    listed = await world.stub.ListRules(rules_pb.ListRulesRequest(parent=PARENT), metadata=ANN)
    return {rule.id: rule for rule in listed.rules}


async def enable(world: World, rule_id: str) -> None:
    """What a person does once a backtest is done."""
    async with world.db.begin() as conn:
        found = await projects.by_id(conn, "tenant-a", PROJECT_ID, lock=True)
        (rule,) = (rule for rule in found.ruleset.custom if rule.id == rule_id)
        await projects.put_rule(conn, found, rule, replace(rule.settings(found.ruleset), enabled=True))


async def test_a_plugin_is_kept_with_every_revision_and_its_rule_is_off(project: World) -> None:
    made = await create(project, plugin())
    assert (made.revision, made.hooks, made.rule, made.author) == (
        1,
        ["on_prediction"],
        "plugin_small_roofs",
        "ann",
    )
    rule = (await rules(project))["plugin_small_roofs"]
    assert (rule.enabled, rule.description) == (False, "Roofs have a size.")

    changed = plugin(CODE.replace("5", "6"))
    changed.etag = made.etag
    now = (await project.plugins.UpdatePlugin(pb2.UpdatePluginRequest(plugin=changed), metadata=ANN)).plugin
    assert now.revision == 2
    assert now.etag != made.etag
    old = await project.plugins.GetPlugin(pb2.GetPluginRequest(name=NAME, revision=1), metadata=ANN)
    assert old.plugin.code == CODE
    present = await project.plugins.GetPlugin(pb2.GetPluginRequest(name=NAME), metadata=ANN)
    assert present.plugin == now
    listed = await project.plugins.ListPlugins(pb2.ListPluginsRequest(parent=PARENT), metadata=ANN)
    assert [one.name for one in listed.plugins] == [NAME]

    await project.plugins.DeletePlugin(pb2.DeletePluginRequest(name=NAME, etag=now.etag), metadata=ANN)
    assert "plugin_small_roofs" not in await rules(project)
    again = await create(project)
    assert again.revision == 3


async def test_an_enabled_plugin_judges_what_comes_and_a_changed_one_is_off_again(
    project: World, predict
) -> None:
    made = await create(project)
    await create(
        project,
        plugin("annotation.area_px < 5.0", f"{PARENT}/plugins/small", CEL),
    )
    await enable(project, "plugin_small_roofs")
    await enable(project, "cel_small")
    small = predict("outline", "roof", polygon(2.0), text="x")
    large = predict("outline", "roof", polygon(9.0), text="y")
    async with project.consumer():
        await project.publish(small)
        await project.publish(large)
        evaluated = {event.label: event for event in await project.evaluated(2)}
    found = [(f.rule, f.annotation_id, f.message) for f in evaluated[small.label.name].findings]
    assert ("plugin_small_roofs", "a0", "The roof is too small.") in found
    assert "cel_small" in [rule for rule, _, _ in found]
    assert not {"plugin_small_roofs", "cel_small"} & {f.rule for f in evaluated[large.label.name].findings}

    changed = plugin(CODE.replace("5", "6"))
    changed.etag = made.etag
    await project.plugins.UpdatePlugin(pb2.UpdatePluginRequest(plugin=changed), metadata=ANN)
    assert not (await rules(project))["plugin_small_roofs"].enabled


async def test_a_plugin_counts_for_nobody_before_its_backtest(project: World, reason) -> None:
    await create(project)
    rule = (await rules(project))["plugin_small_roofs"]
    rule.enabled = True
    rule.ClearField("mode")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await project.stub.UpdateRule(rules_pb.UpdateRuleRequest(parent=PARENT, rule=rule), metadata=ANN)
    assert reason(error.value) == "BACKTEST_MISSING"
    assert not (await rules(project))["plugin_small_roofs"].enabled


async def test_a_plugin_that_hangs_costs_its_own_finding_and_nothing_else(project: World, predict) -> None:
    await create(project, plugin("def on_prediction(label, asset, facts):\n    while True: pass\n"))
    await enable(project, "plugin_small_roofs")
    event = predict("entity", "person", Span(4, 7, "met"), text="Ann met Bob.")
    async with project.consumer():
        await project.publish(event)
        (evaluated,) = await project.evaluated(1)
    findings = {finding.rule: finding for finding in evaluated.findings}
    failed = findings["plugin_small_roofs"]
    assert failed.severity == label_pb2.SEVERITY_ERROR
    assert failed.message == 'The plugin "small_roofs" took too long at line 1: TimeoutError.'


async def test_tests_of_a_plugin_say_what_it_finds_prints_and_asks(project: World) -> None:
    code = """def on_prediction(label, asset, facts):
    print("area", label.shapes[0].area_px)
    return [delete(s) for s in label.shapes if s.area_px < 5] + [emit("roofs.seen", n=1)]
"""
    made = plugin(code)
    made.tests.extend([trial(2, 2, "small"), trial(9, 2, "large")])
    await create(project, made)
    request = pb2.TestPluginRequest(parent=PARENT, plugin=pb2.Plugin(name=NAME))
    small, large = (await project.plugins.TestPlugin(request, metadata=ANN)).results
    assert (small.name, small.passed, list(small.printed)) == ("small", True, ["area 4.0"])
    assert small.operations[0].change.delete.annotation_id == "a0"
    assert (small.operations[1].emit.topic, dict(small.operations[1].emit.fields_json)) == (
        "roofs.seen",
        {"n": "1.0"},
    )
    assert (large.passed, len(large.operations)) == (False, 1)

    broken = pb2.TestPluginRequest(parent=PARENT, plugin=plugin(CODE.replace("5", "'x'")), tests=[trial(2)])
    (result,) = (await project.plugins.TestPlugin(broken, metadata=ANN)).results
    assert (result.error.reason, result.error.line, result.error.kind) == ("PLUGIN_RAISED", 2, "TypeError")
    assert not result.passed


async def test_a_plugin_that_cannot_be_read_is_told_where(project: World) -> None:
    request = pb2.ValidatePluginRequest(parent=PARENT, plugin=plugin("x = 1\ndef on_submit(:\n"))
    error = (await project.plugins.ValidatePlugin(request, metadata=ANN)).error
    assert (error.reason, error.line) == ("PLUGIN_INVALID", 2)
    good = pb2.ValidatePluginRequest(parent=PARENT, plugin=plugin())
    assert list((await project.plugins.ValidatePlugin(good, metadata=ANN)).hooks) == ["on_prediction"]


async def test_wrong_requests_are_refused_by_name(project: World, reason) -> None:
    made = await create(project)
    service = project.plugins
    stale, other_language = plugin(), plugin("true", language=CEL)
    stale.etag, other_language.etag = "1-0", made.etag
    many = plugin(name=f"{PARENT}/plugins/many")
    many.tests.extend([trial(1)] * 51)
    cases = [
        (service.CreatePlugin, pb2.CreatePluginRequest(parent=PARENT, plugin=plugin()), "PLUGIN_EXISTS"),
        (service.CreatePlugin, pb2.CreatePluginRequest(parent=PARENT, plugin=many), "PLUGIN_INVALID"),
        (
            service.CreatePlugin,
            pb2.CreatePluginRequest(parent=PARENT, plugin=plugin("x = 1")),
            "PLUGIN_INVALID",
        ),
        (
            service.CreatePlugin,
            pb2.CreatePluginRequest(parent=PARENT, plugin=plugin("while True: pass\n" + CODE)),
            "PLUGIN_TIMED_OUT",
        ),
        (
            service.CreatePlugin,
            pb2.CreatePluginRequest(parent=PARENT, plugin=plugin(name=f"{PARENT}/plugins/A")),
            "PLUGIN_NAME_INVALID",
        ),
        (service.UpdatePlugin, pb2.UpdatePluginRequest(plugin=stale), "PLUGIN_CHANGED"),
        (service.UpdatePlugin, pb2.UpdatePluginRequest(plugin=other_language), "PLUGIN_INVALID"),
        (service.DeletePlugin, pb2.DeletePluginRequest(name=NAME, etag="1-0"), "PLUGIN_CHANGED"),
        (service.GetPlugin, pb2.GetPluginRequest(name=f"{PARENT}/plugins/nope"), "PLUGIN_UNKNOWN"),
        (service.GetPlugin, pb2.GetPluginRequest(name=NAME, revision=9), "PLUGIN_UNKNOWN"),
        (
            service.DraftRule,
            pb2.DraftRuleRequest(parent=PARENT, plugin_id="drafted", description="x"),
            "DRAFT_UNAVAILABLE",
        ),
        (
            service.DraftRule,
            pb2.DraftRuleRequest(parent=PARENT, plugin_id="drafted", description=" "),
            "DRAFT_INVALID",
        ),
    ]
    for call, request, why in cases:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(request, metadata=ANN)
        assert reason(error.value) == why


async def test_tenants_never_meet(project: World, reason) -> None:
    await create(project)
    for call, request in (
        (project.plugins.GetPlugin, pb2.GetPluginRequest(name=NAME)),
        (project.plugins.ListPlugins, pb2.ListPluginsRequest(parent=PARENT)),
        (project.plugins.DeletePlugin, pb2.DeletePluginRequest(name=NAME)),
        (project.plugins.TestPlugin, pb2.TestPluginRequest(parent=PARENT, plugin=pb2.Plugin(name=NAME))),
        (project.plugins.CreatePlugin, pb2.CreatePluginRequest(parent=PARENT, plugin=plugin())),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(request, metadata=BOB)
        assert reason(error.value) == "PROJECT_UNKNOWN"
