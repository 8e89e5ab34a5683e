"""Automation: what it takes to be promoted, and what ends it."""

from typing import Any

import pytest
from grpc import StatusCode

from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labels.label import Severity
from tests.integration.review_queue.desk import PROJECT, Desk
from tests.integration.review_queue.desk import desk as desk


async def test_a_promotion_needs_its_evidence(desk: Desk, refused: Any) -> None:
    await desk.policy(audit_rate=0.2, mixed_audit_rate=0.5)
    with refused(StatusCode.FAILED_PRECONDITION, "EVIDENCE_MISSING"):
        await desk.promote()
    await desk.policy(audit_rate=0.2, mixed_audit_rate=1.0, revision=1)
    await desk.predict(await desk.texts(60), 0.95)
    await desk.answer()
    await desk.fit()
    assert await desk.promote() == pb2.AUTOMATION_STAGE_MIXED
    with refused(StatusCode.FAILED_PRECONDITION, "EVIDENCE_MISSING"):
        await desk.promote()
    await desk.policy(audit_rate=0.2, mixed_audit_rate=0.5, revision=2)
    await desk.predict(await desk.texts(160, first=60), 0.95)
    # Thresholds alone are no proof that what was accepted is right.
    early = await desk.certify()
    assert early.method.startswith("thresholds")
    assert early.error_upper_bound == pytest.approx(0.1)
    with refused(StatusCode.FAILED_PRECONDITION, "EVIDENCE_MISSING"):
        await desk.promote()
    await desk.answer()
    certificate = await desk.certify()
    assert certificate.method.startswith("audits")
    assert certificate.within_target
    assert certificate.audit_errors == 0
    assert certificate.audit_n > 40
    assert certificate.single_look_upper_bound < certificate.error_upper_bound <= 0.1
    assert await desk.promote() == pb2.AUTOMATION_STAGE_AUTO
    with refused(StatusCode.FAILED_PRECONDITION, "STAGE_HIGHEST"):
        await desk.promote()


async def test_audits_that_turn_out_wrong_end_automation_at_once(desk: Desk) -> None:
    await desk.ready()
    assets = await desk.texts(120, first=60)
    await desk.predict(assets[:90], 0.95, wrong=0.9)
    before = (await desk.status()).counts.auto_accepted
    assert before > 10
    stage, answered = pb2.AUTOMATION_STAGE_MIXED, 0
    while stage == pb2.AUTOMATION_STAGE_MIXED:
        assert await desk.answer(1) == 1, "the queue is empty and nothing was noticed"
        stage, answered = (await desk.status()).stage, answered + 1
    assert answered < 20
    status = await desk.status()
    assert "audited labels were wrong" in status.stage_reason
    assert not status.fit.in_force
    await desk.predict(assets[90:], 0.95)
    assert (await desk.status()).counts.auto_accepted == before
    certificate = await desk.certify()
    assert not certificate.within_target
    request = pb2.ReopenAutoAcceptedRequest(parent=PROJECT)
    assert (await desk.stub.ReopenAutoAccepted(request, metadata=desk.house.ann)).reopened == before
    assert (await desk.status()).counts.auto_accepted == 0
    assert (await desk.stub.ReopenAutoAccepted(request, metadata=desk.house.ann)).reopened == 0


async def test_an_error_found_by_a_rule_keeps_a_label_from_being_accepted_or_takes_it_back(
    desk: Desk,
) -> None:
    await desk.ready()
    assets = await desk.texts(60, first=60)
    early, late = assets[:30], assets[30:]
    for asset in early:
        label = desk.house.prediction(asset, 0.95).label
        await desk.house.deliver(desk.project, desk.house.evaluation(label, Severity.ERROR))
    await desk.predict(early, 0.95)
    assert (await desk.status()).counts.auto_accepted == 0
    await desk.predict(late, 0.95)
    accepted = await desk.house.tasks(filter="decision = AUTO_ACCEPT")
    assert len(accepted) > 5
    await desk.house.deliver(desk.project, desk.house.evaluation(accepted[0].label, Severity.WARNING))
    await desk.house.deliver(desk.project, desk.house.evaluation(accepted[1].label, Severity.ERROR))
    left = await desk.house.tasks(filter="decision = AUTO_ACCEPT")
    assert {task.name for task in accepted} - {task.name for task in left} == {accepted[1].name}
    (back,) = [t for t in await desk.house.tasks() if t.name == accepted[1].name]
    assert back.terms.severity == 1.0


async def test_what_a_person_is_looking_at_is_not_accepted_under_them(desk: Desk) -> None:
    await desk.policy(audit_rate=0.2, mixed_audit_rate=1.0)
    assets = await desk.texts(62)
    await desk.predict(assets[:60], 0.95)
    await desk.answer()
    await desk.predict(assets[60:], 0.95)
    (one, two) = await desk.house.lease(2)
    await desk.house.submit(two, "ACCEPT")
    await desk.fit()
    await desk.policy(audit_rate=0.005, mixed_audit_rate=0.005, revision=1)
    await desk.promote()
    assert (await desk.apply()).accepted == 0
    await desk.house.submit(one, "ACCEPT")


async def test_a_threshold_holds_for_its_run_alone(desk: Desk) -> None:
    await desk.ready()
    assets = await desk.texts(40, first=60)
    for asset in assets:
        await desk.house.deliver(desk.project, desk.house.prediction(asset, 0.95, run="01OTHER"))
    assert (await desk.status()).counts.auto_accepted == 0


async def test_another_promise_withdraws_the_thresholds(desk: Desk) -> None:
    await desk.ready()
    await desk.policy(audit_rate=0.2, target_error=0.05, revision=2)
    status = await desk.status()
    assert status.stage == pb2.AUTOMATION_STAGE_ASSISTED
    assert not status.fit.in_force
    await desk.predict(await desk.texts(20, first=60), 0.95)
    assert (await desk.status()).counts.auto_accepted == 0
