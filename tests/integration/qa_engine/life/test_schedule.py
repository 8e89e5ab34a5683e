"""Rules that are asked on a schedule: once a period, whoever asks, and told once, however often they say it."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.blobs import Blobs
from chassis.db import connect
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import plugin_service_pb2, rule_run_service_pb2, rule_service_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated, LabelPatched
from labels.label import Annotation, Polygon
from qa_engine.engine import Engine, discover
from qa_engine.life import scheduling
from qa_engine.life.worker import RunWorker
from tests.integration.qa_engine.life.test_runs import hits, refused, small_and_large

PARENT = "projects/news"
RULE = "plugin_nightly"
STALE = """def on_schedule(label, asset, facts):
    old = facts.time_us - label.create_time_us > 3_000_000
    return [flag("The outline is small, and old.", s) for s in label.shapes if old and s.area_px < 5]
"""
DELETING = STALE.replace("return [flag", "return [delete(s) for s in label.shapes if s.area_px < 5] + [flag")
State = rule_run_service_pb2.RuleRunState


async def scheduled(town: Any, code: str = STALE, action: str = "FLAG", **fields: Any) -> None:
    """The plugin, enforced, asked every ten minutes."""
    await town.plugin("nightly", code)
    await town.enforce(RULE, action, schedule_minutes=10, precision_floor=0.0, **fields)


async def found(town: Any, shadow: bool = False) -> list[str]:
    """Annotations that the plugin found fault with, as they are stored."""
    request = rule_service_pb2.ListFindingsRequest(parent=PARENT, rule=RULE, shadow=shadow)
    stored = (await town.rules.ListFindings(request, metadata=town.ann)).findings
    return [one.finding.annotation_id for one in stored if one.shadow == shadow]


async def test_a_rule_is_asked_once_a_period_and_tells_a_thing_once(town: Any) -> None:
    await small_and_large(town, 3)
    town.clock.wait(1)
    await scheduled(town)
    await town.work()
    (first,) = await town.runs_of(RULE, "SCHEDULE")
    assert (first.state, first.total, first.looked, first.hits, first.author) == (
        State.RULE_RUN_STATE_DONE,
        3,
        3,
        3,
        "",
    )
    assert await found(town) == ["small"] * 3
    assert sorted(hit.finding.annotation_id for hit in await hits(town, first.name)) == ["small"] * 3
    told = [event for event in town.of(LabelEvaluated) if event.adds]
    assert [[f.message for f in event.findings] for event in told] == [["The outline is small, and old."]] * 3
    # What the queue knew of the label stays beside it.
    assert {f.rule for f in (await town.lease()).task.findings} == {"polygon_min_area", RULE}

    await town.work()
    assert len(await town.runs_of(RULE, "SCHEDULE")) == 1
    # However long nobody was there, one run is made up for it.
    town.clock.wait(35)
    await town.work()
    assert [run.hits for run in await town.runs_of(RULE, "SCHEDULE")] == [3, 3]
    assert len(await found(town)) == 3
    assert len([event for event in town.of(LabelEvaluated) if event.adds]) == 3


async def test_the_hook_is_told_the_time_and_not_asked_when_a_label_comes(town: Any) -> None:
    await scheduled(town)
    await small_and_large(town, 1)
    await town.work()
    assert await found(town) == []
    assert [run.hits for run in await town.runs_of(RULE, "SCHEDULE")] == [0]
    town.clock.wait(11)
    await town.work()
    assert await found(town) == ["small"]


async def start_together(db: Any, engine: Engine, now: int) -> None:
    """What each replica does once it has seen that the rule is due."""
    async with db.begin() as conn:
        await scheduling.start_due(conn, engine, now)


async def test_of_several_replicas_one_starts_the_run(town: Any, database_url: str) -> None:
    await small_and_large(town, 1)
    await scheduled(town)
    town.clock.wait(1)
    async with connect(database_url) as other_db:
        engine = Engine(discover())
        async with town.qa_db.read() as conn:
            assert await scheduling.any_due(conn, town.clock())
        due = (
            start_together(db, engine, town.clock()) for db in (town.qa_db, other_db, town.qa_db, other_db)
        )
        await asyncio.gather(*due)
        second = RunWorker(other_db, engine, Blobs("file:///tmp"), clock_us=town.clock)
        while await second.work():
            pass
    await town.work()
    assert [(run.looked, run.hits) for run in await town.runs_of(RULE, "SCHEDULE")] == [(1, 1)]


async def test_on_trial_it_is_heard_by_nobody_and_once_enforced_it_is(town: Any) -> None:
    (asset,) = await small_and_large(town, 1)
    await scheduled(town, DELETING, "DELETE")
    await town.set_mode(RULE, "SHADOW")
    town.clock.wait(1)
    await town.work()
    assert (await found(town), await found(town, shadow=True)) == ([], ["small"])
    assert not [event for event in town.of(LabelEvaluated) if event.adds]
    assert len(await town.revisions(asset)) == 1
    await town.set_mode(RULE, "ENFORCE")
    town.clock.wait(10)
    await town.work()
    assert await found(town) == ["small"]
    assert [len(label.annotations) for label in await town.revisions(asset)] == [2, 1]


async def test_what_it_deletes_comes_back_by_its_run(town: Any) -> None:
    assets = await small_and_large(town, 2)
    town.clock.wait(1)
    await scheduled(town, DELETING, "DELETE")
    await town.work()
    (run,) = await town.runs_of(RULE, "SCHEDULE")
    assert run.patched == 2
    await town.revert(run.name)
    town.clock.wait(10)
    await town.work()
    for asset in assets:
        first, _, third = await town.revisions(asset)
        assert [a.SerializeToString(deterministic=True) for a in third.annotations] == [
            a.SerializeToString(deterministic=True) for a in first.annotations
        ]
    assert len(town.of(LabelPatched)) == 2


async def test_a_label_is_sent_back_to_a_person_once(town: Any) -> None:
    code = "def on_schedule(label, asset, facts):\n    return [flag('Look again.'), block()]\n"
    await small_and_large(town, 1)
    await town.answer(await town.lease(), "ACCEPT")
    await town.carry()
    await scheduled(town, code, "BLOCK")
    await town.work()
    again = await town.lease()
    assert "Look again." in [f.message for f in again.task.findings]
    await town.answer(again, "ACCEPT")
    await town.carry()
    # The person left it as it was: the new label is flagged, and stands.
    town.clock.wait(10)
    await town.work()
    assert [event.blocked for event in town.of(LabelEvaluated) if event.adds] == [True, False]


async def test_routing_adds_its_boost_once(town: Any) -> None:
    code = (
        "def on_schedule(label, asset, facts):\n    return [flag(f'Asked at {facts.time_us}.'), route(40)]\n"
    )
    await small_and_large(town, 1)
    await scheduled(town, code, "ROUTE")
    for _ in range(3):
        await town.work()
        town.clock.wait(10)
    added = [event for event in town.of(LabelEvaluated) if event.adds]
    assert [event.priority_boost for event in added] == [40.0, 0.0, 0.0]
    async with town.review_db.read() as conn:
        assert await conn.scalar(sa.text("SELECT boost FROM tasks")) == 40.0


async def test_a_run_is_a_page_at_a_time_and_holds_up_no_backtest(town: Any, monkeypatch: Any) -> None:
    await small_and_large(town, 5)
    town.clock.wait(1)
    await scheduled(town)
    monkeypatch.setattr("qa_engine.life.seen.PAGE_LABELS", 2)
    assert await town.worker.work()
    (run,) = await town.runs_of(RULE, "SCHEDULE")
    assert (run.looked, run.state) == (2, State.RULE_RUN_STATE_RUNNING)
    backtest = await town.backtest("polygon_min_area")
    assert backtest.state == State.RULE_RUN_STATE_DONE
    assert (await town.run(run.name)).looked == 2
    # The next period begins before it is through: the run under way is that period's, too.
    town.clock.wait(10)
    await town.work()
    (run,) = await town.runs_of(RULE, "SCHEDULE")
    assert (run.looked, run.hits, run.state) == (5, 5, State.RULE_RUN_STATE_DONE)


async def test_one_that_is_turned_off_changed_or_deleted_is_asked_no_more(town: Any) -> None:
    await small_and_large(town, 3)
    town.clock.wait(1)
    await scheduled(town)
    await town.set_mode(RULE, "DISABLED")
    await town.work()
    assert await town.runs_of(RULE, "SCHEDULE") == []
    await town.set_mode(RULE, "ENFORCE")
    await town.work()
    assert len(await town.runs_of(RULE, "SCHEDULE")) == 1
    # Off and on again within the period asks nothing twice.
    await town.set_mode(RULE, "DISABLED")
    await town.set_mode(RULE, "ENFORCE")
    await town.work()
    assert len(await town.runs_of(RULE, "SCHEDULE")) == 1
    name = plugin_service_pb2.DeletePluginRequest(name=f"{PARENT}/plugins/nightly")
    await town.plugins.DeletePlugin(name, metadata=town.ann)
    town.clock.wait(20)
    await town.work()
    async with town.qa_db.read() as conn:
        assert not await scheduling.any_due(conn, town.clock() + 10**15)


async def test_a_run_whose_rule_is_turned_off_meanwhile_stops(town: Any, monkeypatch: Any) -> None:
    await small_and_large(town, 3)
    town.clock.wait(1)
    await scheduled(town)
    monkeypatch.setattr("qa_engine.life.seen.PAGE_LABELS", 1)
    await town.worker.work()
    await town.set_mode(RULE, "DISABLED")
    await town.work()
    (run,) = await town.runs_of(RULE, "SCHEDULE")
    assert (run.state, run.error, run.looked) == (State.RULE_RUN_STATE_FAILED, "RULE_NOT_ENFORCED", 1)


@pytest.mark.parametrize("minutes", [4, 43_201, -1])
async def test_a_period_has_bounds(town: Any, minutes: int) -> None:
    await town.plugin("nightly", STALE)
    rule = await town.rule(RULE)
    assert (rule.schedule_minutes, rule.mode) == (1_440, rule_service_pb2.RULE_MODE_DISABLED)
    rule.schedule_minutes = minutes
    change = rule_service_pb2.UpdateRuleRequest(parent=PARENT, rule=rule)
    assert await refused(town.rules.UpdateRule(change, metadata=town.ann)) == "RULE_SETTINGS_INVALID"
    assert (await town.rule(RULE)).schedule_minutes == 1_440


async def test_only_a_rule_with_the_function_has_a_schedule(town: Any) -> None:
    rule = await town.rule("polygon_min_area")
    assert not rule.HasField("schedule_minutes")
    rule.schedule_minutes = 60
    change = rule_service_pb2.UpdateRuleRequest(parent=PARENT, rule=rule)
    assert await refused(town.rules.UpdateRule(change, metadata=town.ann)) == "RULE_SETTINGS_INVALID"


async def test_how_often_it_is_asked_needs_no_new_backtest_and_0_is_never(town: Any) -> None:
    await small_and_large(town, 1)
    town.clock.wait(1)
    await scheduled(town)
    rule = await town.rule(RULE)
    rule.schedule_minutes = 0
    change = rule_service_pb2.UpdateRuleRequest(parent=PARENT, rule=rule)
    await town.rules.UpdateRule(change, metadata=town.ann)
    await town.work()
    assert await town.runs_of(RULE, "SCHEDULE") == []
    # Callers that know nothing of schedules leave them alone.
    rule.ClearField("schedule_minutes")
    rule.severity = label_pb2.SEVERITY_WARNING
    await town.rules.UpdateRule(change, metadata=town.ann)
    assert (await town.rule(RULE)).schedule_minutes == 0


async def test_answers_are_not_resolved_on_a_schedule(town: Any) -> None:
    """What a backtest does not come upon, since it is about old labels, is told when it happens."""
    await small_and_large(town, 1)
    old = "facts.time_us - label.create_time_us > 3_000_000"
    await scheduled(
        town, f"def on_schedule(label, asset, facts):\n    return resolve([]) if {old} else []\n", "FIX"
    )
    town.clock.wait(11)
    await town.work()
    (event,) = [event for event in town.of(LabelEvaluated) if event.adds]
    (finding,) = event.findings
    assert "it resolves answers on a schedule" in finding.message
    assert finding.severity == label_pb2.SEVERITY_ERROR


async def test_a_test_of_a_plugin_asks_on_schedule_too(town: Any) -> None:
    (asset,) = await town.import_pictures(1)
    label = await town.label(asset, Annotation("a", "roof", "flat", Polygon(((0, 0, 1, 0, 1, 1),))))
    request = plugin_service_pb2.TestPluginRequest(
        parent=PARENT,
        plugin=plugin_service_pb2.Plugin(
            name=f"{PARENT}/plugins/nightly",
            language=plugin_service_pb2.PLUGIN_LANGUAGE_PYTHON,
            code=STALE.replace("3_000_000", "0"),
        ),
        tests=[plugin_service_pb2.PluginTest(name="one", asset=asset, label=label, expected=1)],
    )
    (result,) = (await town.plugins.TestPlugin(request, metadata=town.ann)).results
    assert result.passed, result
