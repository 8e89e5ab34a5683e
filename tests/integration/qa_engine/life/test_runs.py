"""Runs over the labels that are there: what they count, what they need, and what they leave alone."""

import random
from collections import Counter
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from labelmesh.qa.v1 import finding_service_pb2, rule_run_service_pb2, rule_service_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated, LabelPatched
from labels.correction import Delete
from labels.label import Annotation, Polygon, Span
from labels.proto import correction_op_to_pb
from qa_engine.engine import discover
from qa_engine.life import worker as working
from qa_engine.rule import Need

RULE = "polygon_min_area"
State = rule_run_service_pb2.RuleRunState


def square(uid: str, area: float) -> Annotation:
    return Annotation(uid, "roof", "flat", Polygon(((0, 0, area, 0, area, 1, 0, 1),)))


async def small_and_large(town: Any, count: int) -> list[Any]:
    """That many pictures, each labelled with a small and a large polygon."""
    assets = await town.import_pictures(count)
    for asset in assets:
        await town.label(asset, square("small", 2), square("large", 50))
    await town.carry()
    return assets


async def refused(call: Any) -> str:
    """The reason that a call is refused for."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert status.details[0].Unpack(info)
    return info.reason


async def hits(town: Any, run: str, size: int = 7) -> list[Any]:
    """All hits of a run's sample, page by page."""
    request = rule_run_service_pb2.ListRunHitsRequest(name=run, page_size=size)
    found = []
    while True:
        page = await town.runs.ListRunHits(request, metadata=town.ann)
        found += page.hits
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_a_backtest_finds_exactly_what_was_found_live(town: Any) -> None:
    alone = [rule for rule in discover() if not rule.needs & {Need.HISTORY}]
    for rule in alone:
        draft = await town.rule(rule.id)
        draft.enabled = True
        await town.rules.UpdateRule(
            rule_service_pb2.UpdateRuleRequest(parent="projects/news", rule=draft), metadata=town.ann
        )
    dice = random.Random(3)
    for asset in await town.import_pictures(6):
        shapes = [
            Annotation(f"p{i}", "roof", "flat", Polygon((tuple(dice.uniform(-4, 104) for _ in range(8)),)))
            for i in range(4)
        ]
        await town.label(asset, *shapes, Annotation("tiny", "roof", "steep", Polygon(((1, 1, 2, 1, 2, 2),))))
    for asset in await town.import_texts("Ann met Bob ", " in  Paris.", "Nobody"):
        await town.label(asset, Annotation("s", "entity", "person", Span(0, 4, asset.text[:4])))
    await town.carry()
    live: dict[str, Counter[tuple[str, str, str]]] = {rule.id: Counter() for rule in alone}
    for event in town.of(LabelEvaluated):
        for f in event.findings:
            live[f.rule][event.label, f.annotation_id, f.message] += 1
    assert sum(map(bool, live.values())) >= 4
    for rule in alone:
        run = await town.backtest(rule.id)
        found = Counter(
            (h.label, h.finding.annotation_id, h.finding.message) for h in await hits(town, run.name)
        )
        assert found == live[rule.id], rule.id
        assert (run.state, run.total, run.looked) == (State.RULE_RUN_STATE_DONE, 9, 9)
        assert run.hits == sum(live[rule.id].values())
        assert run.hit_labels == len({label for label, _, _ in live[rule.id]})


async def test_a_rule_is_enforced_only_after_a_backtest_of_these_very_settings(town: Any) -> None:
    await small_and_large(town, 3)
    await town.set_mode(RULE, "DISABLED")
    assert await refused(town.set_mode(RULE, "ENFORCE")) == "BACKTEST_MISSING"
    other = await town.backtest(RULE, "FLAG", severity=3)
    assert await refused(town.set_mode(RULE, "ENFORCE")) == "BACKTEST_MISSING"
    rule = await town.set_mode(RULE, "ENFORCE", other.name)
    assert (rule.enabled, rule.mode, rule.severity) == (True, rule_service_pb2.RULE_MODE_ENFORCE, 3)
    # Changing labels needs one whoever asks for it, however it is asked for.
    rule.action = rule_service_pb2.RULE_ACTION_DELETE
    change = rule_service_pb2.UpdateRuleRequest(parent="projects/news", rule=rule)
    assert await refused(town.rules.UpdateRule(change, metadata=town.ann)) == "BACKTEST_MISSING"
    # On trial it may be put at any time.
    assert (await town.set_mode(RULE, "SHADOW")).mode == rule_service_pb2.RULE_MODE_SHADOW


async def test_deleting_needs_a_precision_whose_lower_bound_reaches_the_floor(town: Any) -> None:
    await small_and_large(town, 40)
    run = await town.backtest(RULE, "DELETE")
    assert (run.precision.right, run.precision.wrong, run.precision.lower) == (0, 0, 0.0)
    assert await refused(town.set_mode(RULE, "ENFORCE", run.name)) == "PRECISION_TOO_LOW"
    for hit in (await hits(town, run.name))[:34]:
        await town.resolve(hit.label, RULE, hit.finding.annotation_id, "CONFIRM")
    # 34 of 34: Wilson's lower bound is 34 / (34 + 1.96 ** 2) = 0.8985.
    assert (await town.run(run.name)).precision.lower == pytest.approx(0.8985, abs=1e-4)
    assert await refused(town.set_mode(RULE, "ENFORCE", run.name)) == "PRECISION_TOO_LOW"
    for hit in (await hits(town, run.name))[34:]:
        await town.resolve(hit.label, RULE, hit.finding.annotation_id, "CONFIRM")
    assert (await town.set_mode(RULE, "ENFORCE", run.name)).mode == rule_service_pb2.RULE_MODE_ENFORCE
    again = await town.backtest(RULE, "DELETE")
    assert (again.precision.right, again.precision.wrong) == (40, 0)


async def test_what_reviewers_leave_counts_against_a_rule_and_what_they_change_for_it(town: Any) -> None:
    await small_and_large(town, 3)
    lease = await town.lease()
    await town.answer(lease, "CORRECT", ops=[correction_op_to_pb(Delete("small"))])
    await town.answer(await town.lease(), "ACCEPT")
    await town.answer(await town.lease(), "REJECT", reason="blurred")
    await town.carry()
    run = await town.backtest(RULE)
    assert (run.precision.right, run.precision.wrong, run.precision.estimate) == (1, 1, 0.5)
    # What stands after the reviews: one without the small polygon, and one that was rejected stays as it was.
    assert (run.looked, run.hits) == (3, 2)
    assert run.reviewer_minutes == pytest.approx(2 * 20 / 60)
    metrics = await town.findings.GetRuleMetrics(
        finding_service_pb2.GetRuleMetricsRequest(parent="projects/news", rule=RULE), metadata=town.ann
    )
    assert (metrics.precision.right, metrics.precision.wrong) == (1, 1)
    # A person's word goes before what reviewers did.
    await town.resolve(lease.task.label.name, RULE, "small", "DISMISS")
    assert (await town.backtest(RULE)).precision.right == 0


async def test_a_rule_on_trial_is_heard_by_nobody(town: Any) -> None:
    await town.set_mode(RULE, "SHADOW")
    (asset,) = await small_and_large(town, 1)
    assert [f.rule for f in town.of(LabelEvaluated)[-1].findings] == []
    request = rule_service_pb2.ListFindingsRequest(parent="projects/news")
    assert not (await town.rules.ListFindings(request, metadata=town.ann)).findings
    request.shadow = True
    (found,) = (await town.rules.ListFindings(request, metadata=town.ann)).findings
    assert (found.finding.rule, found.finding.annotation_id, found.shadow) == (RULE, "small", True)
    assert len(await town.revisions(asset)) == 1


async def test_a_run_goes_on_behind_the_last_page_that_was_stored(town: Any, monkeypatch: Any) -> None:
    await small_and_large(town, 9)
    monkeypatch.setattr("qa_engine.life.seen.PAGE_LABELS", 2)
    request = rule_run_service_pb2.BacktestRuleRequest(
        parent="projects/news", rule=rule_service_pb2.Rule(id=RULE), request_id="mine"
    )
    run = (await town.runs.BacktestRule(request, metadata=town.ann)).run
    assert (await town.runs.BacktestRule(request, metadata=town.ann)).run.name == run.name
    pages = 0
    page = town.worker._page

    async def two_pages(run: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages > 2:
            raise RuntimeError("the lights went out")
        return await page(run)

    monkeypatch.setattr(town.worker, "_page", two_pages)
    await town.worker.work()
    assert (await town.run(run.name)).looked == 4
    assert (await town.run(run.name)).state == State.RULE_RUN_STATE_FAILED
    monkeypatch.setattr(town.worker, "_page", page)
    cancel = rule_run_service_pb2.CancelRuleRunRequest(name=run.name)
    assert await refused(town.runs.CancelRuleRun(cancel, metadata=town.ann)) == "RUN_ENDED"
    resume = rule_run_service_pb2.ResumeRuleRunRequest(name=run.name)
    await town.runs.ResumeRuleRun(resume, metadata=town.ann)
    await town.runs.CancelRuleRun(cancel, metadata=town.ann)
    assert not await town.worker.work()
    await town.runs.ResumeRuleRun(resume, metadata=town.ann)
    await town.worker.work()
    done = await town.run(run.name)
    assert (done.looked, done.hits, done.state, done.error) == (9, 9, State.RULE_RUN_STATE_DONE, "")
    assert len(await hits(town, run.name)) == 9
    assert await refused(town.runs.ResumeRuleRun(resume, metadata=town.ann)) == "RUN_ENDED"


async def test_two_workers_do_no_page_twice(town: Any) -> None:
    await small_and_large(town, 5)
    request = rule_run_service_pb2.BacktestRuleRequest(
        parent="projects/news", rule=rule_service_pb2.Rule(id=RULE)
    )
    name = (await town.runs.BacktestRule(request, metadata=town.ann)).run.name
    async with town.qa_db.begin() as conn:
        run = await working.runs.claim(conn, 1, 2)
    # Both hold the run, as where one was thought dead.
    await town.worker._page(run)
    assert await town.worker._page(run) is None
    assert ((await town.run(name)).looked, (await town.run(name)).hits) == (5, 5)


async def test_an_enforced_rule_is_applied_to_what_is_there_and_undone(town: Any) -> None:
    assets = await small_and_large(town, 4)
    history = rule_run_service_pb2.EnforceOverHistoryRequest(parent="projects/news", rule=RULE)
    await town.set_mode(RULE, "SHADOW")
    assert await refused(town.runs.EnforceOverHistory(history, metadata=town.ann)) == "RULE_NOT_ENFORCED"
    await town.enforce(RULE, "DELETE", precision_floor=0.0)
    # Somebody is at work on one, and has changed another since.
    lease = await town.lease()
    run = (await town.runs.EnforceOverHistory(history, metadata=town.ann)).run
    await town.worker.work()
    await town.carry()
    changed = [asset for asset in assets if len(await town.revisions(asset)) == 2]
    assert len(changed) == 3
    assert lease.task.asset.name not in [asset.name for asset in changed]
    assert (await town.run(run.name)).patched == 4
    await town.label(changed[0], square("mine", 30))
    await town.revert(run.name)
    assert (await town.run(run.name)).state == State.RULE_RUN_STATE_REVERTED
    sizes = [[len(label.annotations) for label in await town.revisions(asset)] for asset in changed]
    assert sizes == [[2, 1, 1], [2, 1, 2], [2, 1, 2]]
    assert len(await town.revisions(lease.task.asset)) == 1
    # The person's answer to what they were shown is taken.
    await town.answer(lease, "ACCEPT")


async def test_a_backtest_changes_nothing_and_has_nothing_to_undo(town: Any) -> None:
    (asset,) = await small_and_large(town, 1)
    run = await town.backtest(RULE, "DELETE")
    await town.carry()
    assert not town.of(LabelPatched)
    assert len(await town.revisions(asset)) == 1
    revert = rule_run_service_pb2.RevertRuleRunRequest(name=run.name)
    assert await refused(town.runs.RevertRuleRun(revert, metadata=town.ann)) == "RUN_NOT_REVERTIBLE"


async def test_a_blocked_label_goes_back_to_a_person_once(town: Any) -> None:
    await town.enforce(RULE, "BLOCK")
    (asset,) = await small_and_large(town, 1)
    await town.answer(await town.lease(), "ACCEPT")
    await town.carry()
    again = await town.lease()
    assert [f.rule for f in again.task.findings] == [RULE]
    assert again.task.label.kind == 3
    await town.answer(again, "ACCEPT")
    await town.carry()
    assert not town.of(LabelEvaluated)[-1].blocked
    assert len(await town.revisions(asset)) == 3


async def test_a_routed_label_carries_its_boost_and_pool(town: Any) -> None:
    await town.enforce(RULE, "ROUTE", route_boost=2.5, route_pool="seniors")
    await small_and_large(town, 1)
    event = town.of(LabelEvaluated)[-1]
    assert (event.priority_boost, event.pool, event.blocked) == (2.5, "seniors", False)


async def test_runs_and_verdicts_of_another_tenant_are_not_there(town: Any) -> None:
    await small_and_large(town, 1)
    run = await town.backtest(RULE)
    for call in (
        town.runs.GetRuleRun(rule_run_service_pb2.GetRuleRunRequest(name=run.name), metadata=town.eve),
        town.runs.ListRunHits(rule_run_service_pb2.ListRunHitsRequest(name=run.name), metadata=town.eve),
        town.runs.RevertRuleRun(rule_run_service_pb2.RevertRuleRunRequest(name=run.name), metadata=town.eve),
    ):
        assert await refused(call) == "PROJECT_UNKNOWN"
    unknown = rule_run_service_pb2.GetRuleRunRequest(name="projects/news/ruleRuns/01NONE")
    assert await refused(town.runs.GetRuleRun(unknown, metadata=town.ann)) == "RUN_UNKNOWN"


async def test_runs_are_listed_newest_first_page_by_page(town: Any) -> None:
    names = [(await town.backtest(rule)).name for rule in (RULE, "out_of_bounds", RULE)]
    request = rule_run_service_pb2.ListRuleRunsRequest(parent="projects/news", page_size=2)
    first = await town.runs.ListRuleRuns(request, metadata=town.ann)
    request.page_token = first.next_page_token
    rest = await town.runs.ListRuleRuns(request, metadata=town.ann)
    assert [run.name for run in (*first.runs, *rest.runs)] == names[::-1]
    mine = rule_run_service_pb2.ListRuleRunsRequest(parent="projects/news", rule=RULE)
    found = await town.runs.ListRuleRuns(mine, metadata=town.ann)
    assert [run.name for run in found.runs] == [names[2], names[0]]


async def test_the_sample_of_many_hits_has_a_hundred(town: Any) -> None:
    (asset,) = await town.import_pictures(1)
    await town.label(asset, *(square(f"a{i}", 1 + i / 1_000) for i in range(150)))
    await town.carry()
    run = await town.backtest(RULE)
    assert run.hits == 150
    assert len(await hits(town, run.name, 33)) == 100


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"id": "nothing_such"}, "RULE_UNKNOWN"),
        ({"id": RULE, "severity": 2, "action": 3}, "RULE_SETTINGS_INVALID"),
        ({"id": RULE, "severity": 2, "action": 4, "route_boost": 5_000}, "RULE_SETTINGS_INVALID"),
        ({"id": RULE, "severity": 2, "action": 4, "route_pool": "Über"}, "RULE_SETTINGS_INVALID"),
        ({"id": RULE, "severity": 2, "action": 2, "precision_floor": float("nan")}, "RULE_SETTINGS_INVALID"),
        ({"id": RULE, "parameters": [rule_service_pb2.RuleParameter(name="x")]}, "RULE_SETTINGS_INVALID"),
    ],
)
async def test_drafts_that_are_not_valid_are_refused(town: Any, rule: dict[str, Any], reason: str) -> None:
    draft = rule_service_pb2.Rule(**rule)
    request = rule_run_service_pb2.BacktestRuleRequest(parent="projects/news", rule=draft)
    assert await refused(town.runs.BacktestRule(request, metadata=town.ann)) == reason


async def test_verdicts_need_a_finding_of_the_project(town: Any) -> None:
    for label, rule, verdict, reason in (
        ("projects/news/labels/x", "nothing_such", "CONFIRM", "RULE_UNKNOWN"),
        ("projects/news/labels/x", RULE, "UNSPECIFIED", "VERDICT_INVALID"),
        ("nonsense", RULE, "CONFIRM", "NAME_INVALID"),
    ):
        assert await refused(town.resolve(label, rule, "", verdict)) == reason
    empty = finding_service_pb2.BatchResolveFindingsRequest(parent="projects/news")
    assert await refused(town.findings.BatchResolveFindings(empty, metadata=town.ann)) == "VERDICT_INVALID"
