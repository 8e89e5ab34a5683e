"""A customer's own rule from its first line to the undoing of what it did, as a customer would go about it."""

import json
from typing import Any

import pytest

from labelmesh.label.v1 import asset_pb2
from labelmesh.qa.v1 import plugin_service_pb2, rule_run_service_pb2, rule_service_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated, LabelPatched
from labels.ontology import Category, Ontology, Tool, ToolKind
from tests.integration.qa_engine.endpoint import Endpoint
from tests.integration.qa_engine.life.test_runs import hits, refused, small_and_large, square

PARENT = "projects/news"
RULE = "plugin_small_roofs"
CODE = """def on_prediction(label, asset, facts):
    return [flag("The roof is too small.", s) for s in label.shapes if s.area_px < 5]

def on_submit(label, asset, facts):
    return on_prediction(label, asset, facts)

def on_review(label, asset, facts):
    return on_prediction(label, asset, facts)
"""
DISABLED = rule_service_pb2.RULE_MODE_DISABLED
ENFORCE = rule_service_pb2.RULE_MODE_ENFORCE
SKETCHY = CODE.replace("5]", "5 and s.nothing_such]")


async def by_update(town: Any) -> Any:
    """Enable it as older callers do."""
    rule = await town.rule(RULE)
    rule.enabled = True
    rule.ClearField("mode")
    return await town.rules.UpdateRule(
        rule_service_pb2.UpdateRuleRequest(parent=PARENT, rule=rule), metadata=town.ann
    )


def spoken(town: Any, asset: asset_pb2.Asset) -> list[str]:
    """Rules that said something about the asset when its label came last."""
    return [f.rule for f in [e for e in town.of(LabelEvaluated) if e.asset == asset.name][-1].findings]


async def test_a_plugin_is_stored_tried_judged_enforced_and_undone(town: Any) -> None:
    before = await small_and_large(town, 40)
    made = await town.plugin("small_roofs", CODE)
    assert (made.rule, (await town.rule(RULE)).mode) == (RULE, DISABLED)
    (off,) = await small_and_large(town, 1)
    assert RULE not in spoken(town, off)

    # Nobody enforces what was not tried, whichever door they come by.
    assert await refused(town.set_mode(RULE, "ENFORCE")) == "BACKTEST_MISSING"
    assert await refused(by_update(town)) == "BACKTEST_MISSING"
    run = await town.backtest(RULE, "DELETE")
    assert (run.looked, run.hit_labels, run.hits, run.unchecked_labels) == (41, 41, 41, 0)
    assert not town.of(LabelPatched)
    # Tried, but nobody has said that it is right: it may not delete.
    assert await refused(town.set_mode(RULE, "ENFORCE", run.name)) == "PRECISION_TOO_LOW"
    for hit in await hits(town, run.name):
        await town.resolve(hit.label, RULE, hit.finding.annotation_id, "CONFIRM")
    assert (await town.set_mode(RULE, "ENFORCE", run.name)).mode == ENFORCE

    # What comes now loses its small roof in a new revision.
    (live,) = await small_and_large(town, 1)
    first, second = await town.revisions(live)
    assert [[a.id for a in label.annotations] for label in (first, second)] == [["small", "large"], ["large"]]
    assert [len(await town.revisions(asset)) for asset in before] == [1] * 40
    (patch,) = town.of(LabelPatched)
    assert list(patch.rules) == [RULE]
    await town.revert(patch.rule_run)
    *_, third = await town.revisions(live)
    assert claims(third) == claims(first)

    # What was there is changed when somebody says so, and comes back by that run.
    request = rule_run_service_pb2.EnforceOverHistoryRequest(parent=PARENT, rule=RULE)
    history = (await town.runs.EnforceOverHistory(request, metadata=town.ann)).run
    await town.work()
    assert (await town.run(history.name)).patched == 41
    await town.revert(history.name)
    for asset in before:
        first, second, third = await town.revisions(asset)
        assert len(second.annotations) == 1
        assert claims(third) == claims(first)


def claims(label: Any) -> list[bytes]:
    """A label's annotations to the byte."""
    return [annotation.SerializeToString(deterministic=True) for annotation in label.annotations]


async def test_flagging_needs_a_backtest_and_no_precision(town: Any) -> None:
    await town.plugin("small_roofs", CODE)
    await small_and_large(town, 2)
    await town.enforce(RULE, "FLAG")
    (asset,) = await small_and_large(town, 1)
    assert RULE in spoken(town, asset)
    assert len(await town.revisions(asset)) == 1
    # The person who reviews it is told, and what they leave of it counts.
    lease = await town.lease()
    while lease.task.asset.name != asset.name:
        lease = await town.lease()
    assert RULE in [f.rule for f in lease.task.findings]


async def test_code_that_fails_on_labels_does_not_pass_its_backtest(town: Any) -> None:
    await town.plugin("small_roofs", SKETCHY)
    await small_and_large(town, 3)
    run = await town.backtest(RULE)
    assert (run.state, run.looked, run.unchecked_labels) == (rule_run_service_pb2.RULE_RUN_STATE_DONE, 3, 3)
    assert await refused(town.set_mode(RULE, "ENFORCE", run.name)) == "BACKTEST_FAILED"
    assert (await town.rule(RULE)).mode == DISABLED


async def test_one_label_in_a_hundred_may_be_beyond_a_plugin(town: Any) -> None:
    code = CODE.replace("if s.area_px < 5", "if s.area_px < 5 and (s.area_px > 1 or s.nothing_such)")
    await town.plugin("small_roofs", code)
    for asset in await town.import_pictures(100):
        await town.label(asset, square("a", 2))
    (bad,) = await town.import_pictures(1)
    await town.label(bad, square("a", 0.5))
    await town.carry()
    run = await town.backtest(RULE)
    assert (run.looked, run.unchecked_labels) == (101, 1)
    assert (await town.set_mode(RULE, "ENFORCE", run.name)).mode == ENFORCE


ONTOLOGY = Ontology((Tool("roof", ToolKind.POLYGON, (Category("flat"), Category("steep"))),))


def drafted() -> str:
    """What a model answers."""
    claim = {"tool": "roof", "category": "flat", "confidence": 0.9}
    tests = [
        {"name": name, "kind": "DEFAULT", "annotations": [claim | {"rings": [ring]}], "expected": expected}
        for name, ring, expected in (
            ("small", [0, 0, 2, 0, 2, 2, 0, 2], 1),
            ("large", [0, 0, 9, 0, 9, 9, 0, 9], 0),
        )
    ]
    return json.dumps({"code": CODE, "tests": tests})


async def test_what_a_model_drafts_counts_for_nobody_before_its_backtest_and_a_person(
    town: Any, endpoint: Endpoint
) -> None:
    await small_and_large(town, 2)
    endpoint.replies = [drafted()]
    request = plugin_service_pb2.DraftRuleRequest(
        parent=PARENT, description="Roofs of less than 5 square pixels.", plugin_id="small_roofs"
    )
    draft = await town.plugins.DraftRule(request, metadata=town.ann)
    assert [result.passed for result in draft.results] == [True, True]
    listed = plugin_service_pb2.ListPluginsRequest(parent=PARENT)
    assert not (await town.plugins.ListPlugins(listed, metadata=town.ann)).plugins

    create = plugin_service_pb2.CreatePluginRequest(parent=PARENT, plugin=draft.plugin)
    stored = (await town.plugins.CreatePlugin(create, metadata=town.ann)).plugin
    (asset,) = await small_and_large(town, 1)
    await town.work()
    assert ((await town.rule(RULE)).mode, spoken(town, asset)) == (DISABLED, ["polygon_min_area"])
    assert await refused(by_update(town)) == "BACKTEST_MISSING"
    assert await refused(town.set_mode(RULE, "ENFORCE")) == "BACKTEST_MISSING"
    run = await town.backtest(RULE)
    # Its backtest alone turns nothing on.
    (asset,) = await small_and_large(town, 1)
    assert ((await town.rule(RULE)).mode, RULE in spoken(town, asset)) == (DISABLED, False)
    await town.set_mode(RULE, "ENFORCE", run.name)
    (asset,) = await small_and_large(town, 1)
    assert RULE in spoken(town, asset)

    # One letter of it changed, and all begins again.
    stored.code = CODE.replace("< 5", "< 6")
    change = plugin_service_pb2.UpdatePluginRequest(plugin=stored)
    await town.plugins.UpdatePlugin(change, metadata=town.ann)
    assert (await town.rule(RULE)).mode == DISABLED
    assert await refused(town.set_mode(RULE, "ENFORCE", run.name)) == "BACKTEST_MISSING"


async def test_what_a_backtest_would_cost_people_is_the_median_of_their_reviews(town: Any) -> None:
    await town.plugin("small_roofs", CODE)
    await small_and_large(town, 21)
    run = await town.backtest(RULE)
    assert (run.review_seconds, run.review_time_source) == (
        20.0,
        rule_run_service_pb2.REVIEW_TIME_SOURCE_DEFAULT,
    )
    assert run.reviewer_minutes == pytest.approx(21 * 20 / 60)
    # One who does not say how long it took, and twenty who do.
    for seconds in (0.0, *range(1, 21)):
        await town.answer(await town.lease(), "ACCEPT", active_seconds=seconds * 4)
    await town.carry()
    run = await town.backtest(RULE)
    # The tenth of twenty is 40 s, and the bins are 2 % wide; a review is of a label.
    assert run.review_seconds == pytest.approx(40, rel=0.021)
    assert run.review_time_source == rule_run_service_pb2.REVIEW_TIME_SOURCE_REVIEWS
    assert run.reviewer_minutes == pytest.approx(run.hit_labels * run.review_seconds / 60)
    # Who knows better says so.
    rule = rule_service_pb2.Rule(id=RULE)
    request = rule_run_service_pb2.BacktestRuleRequest(parent=PARENT, rule=rule, seconds_per_hit=6)
    said = (await town.runs.BacktestRule(request, metadata=town.ann)).run
    assert (said.review_seconds, said.review_time_source) == (
        6.0,
        rule_run_service_pb2.REVIEW_TIME_SOURCE_REQUEST,
    )
