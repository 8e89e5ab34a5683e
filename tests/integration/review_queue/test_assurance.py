"""From a policy to labels that nobody looks at, and back, behind a real server on both databases."""

from typing import Any

from grpc import StatusCode

from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1.review_events_pb2 import CertificateIssued
from tests.integration.review_queue.desk import PROJECT, Desk, answer_audits
from tests.integration.review_queue.desk import desk as desk


async def test_without_a_policy_everything_is_for_people(desk: Desk, refused: Any) -> None:
    await desk.predict(await desk.texts(5), 0.99)
    status = await desk.status()
    assert not status.HasField("policy")
    assert status.stage == pb2.AUTOMATION_STAGE_ASSISTED
    assert (status.counts.total, status.counts.deferred) == (5, 5)
    with refused(StatusCode.FAILED_PRECONDITION, "POLICY_MISSING"):
        await desk.fit()
    with refused(StatusCode.FAILED_PRECONDITION, "POLICY_MISSING"):
        await desk.certify()


async def test_a_policy_alone_accepts_nothing_and_draws_its_share(desk: Desk) -> None:
    await desk.policy()
    await desk.predict(await desk.texts(80), 0.99)
    counts = (await desk.status()).counts
    assert counts.auto_accepted == 0
    assert 20 < counts.audits_waiting < 60
    assert counts.audits_waiting + counts.deferred == counts.total == 80


async def test_what_the_evidence_allows_is_accepted_and_the_rest_goes_to_people(desk: Desk) -> None:
    await desk.ready()
    fresh = await desk.texts(60, first=60)
    await desk.predict(fresh[:40], 0.95)
    await desk.predict(fresh[40:], 0.05)
    counts = (await desk.status()).counts
    assert 5 < counts.auto_accepted < 35
    assert counts.audits_waiting > 5
    assert counts.auto_accepted + counts.audits_waiting + counts.deferred == 60
    accepted = await desk.house.tasks(filter="decision = AUTO_ACCEPT")
    assert {round(task.label.confidence.raw, 2) for task in accepted} == {0.95}
    assert {task.reviewer for task in accepted} == {""}
    # The drawn ones are no different to look at from the others.
    (lease,) = await desk.house.lease()
    assert "audit" not in {field.name for field, _ in lease.task.ListFields()}


async def test_tasks_that_opened_before_are_accepted_when_it_is_asked_for(desk: Desk) -> None:
    await desk.policy(audit_rate=0.2, mixed_audit_rate=0.5)
    await desk.predict(await desk.texts(200), 0.95)
    audits = (await desk.status()).counts.audits_waiting
    await answer_audits(desk)
    fit = await desk.fit()
    assert fit.in_force
    assert [(s.slice, s.HasField("threshold"), s.n, s.errors) for s in fit.slices] == [
        ("all", True, audits, 0)
    ]
    await desk.promote()
    applied = await desk.apply()
    assert applied.accepted == 200 - audits
    again = await desk.apply()
    assert (again.looked_at, again.accepted) == (0, 0)
    counts = (await desk.status()).counts
    assert (counts.audited, counts.auto_accepted, counts.total) == (audits, 200 - audits, 200)


async def test_answers_to_doubtful_items_are_no_evidence(desk: Desk, refused: Any) -> None:
    await desk.policy(audit_rate=0.005, mixed_audit_rate=0.005)
    await desk.predict(await desk.texts(40), 0.95)
    drawn = (await desk.status()).counts.audits_waiting
    assert await desk.answer() == 40
    if drawn:
        assert sum(s.sample for s in (await desk.fit()).slices) == drawn
    else:
        with refused(StatusCode.FAILED_PRECONDITION, "EVIDENCE_MISSING"):
            await desk.fit()


async def test_evidence_counts_up_to_the_first_drawn_task_that_waits(desk: Desk, refused: Any) -> None:
    """Of a half-answered sample the doubtful part came first; it says nothing about the confident one."""
    await desk.policy(audit_rate=0.5, mixed_audit_rate=1.0)
    assets = await desk.texts(40)
    await desk.predict(assets[:20], 0.95)
    await desk.predict(assets[20:], 0.3)
    await desk.answer(20)
    with refused(StatusCode.FAILED_PRECONDITION, "EVIDENCE_MISSING") as why:
        await desk.fit()
    assert "20 of it wait" in why.message
    await desk.answer()
    assert sum(s.sample for s in (await desk.fit()).slices) == 40


async def test_the_same_evidence_again_is_the_same_fit(desk: Desk) -> None:
    await desk.ready()
    first = (await desk.status()).fit
    assert (await desk.fit()).name == first.name
    await desk.predict(await desk.texts(30, first=60), 0.95)
    await desk.answer()
    second = await desk.fit()
    assert second.name != first.name
    assert second.number == first.number + 1
    # More looks, less left for each.
    assert second.slices[0].delta < first.slices[0].delta


async def test_bad_policies_and_stale_ones_are_refused(desk: Desk, refused: Any) -> None:
    for wrong in (
        {"audit_rate": 0.0},
        {"target_error": 0.0},
        {"target_error": float("nan")},
        {"delta": 1.0},
        {"n_min": 1},
        {"check_share": 0.9},
        {"audit_rate": 0.3, "mixed_audit_rate": 0.2},
        {"slice_by": 77},
    ):
        with refused(StatusCode.INVALID_ARGUMENT, "POLICY_INVALID"):
            await desk.policy(**wrong)
    assert (await desk.policy()).revision == 1
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await desk.policy()
    request = pb2.DemoteAutomationRequest(parent=PROJECT, reason=" ")
    with refused(StatusCode.INVALID_ARGUMENT, "POLICY_INVALID"):
        await desk.stub.DemoteAutomation(request, metadata=desk.house.ann)


async def test_tenants_do_not_meet(desk: Desk, refused: Any) -> None:
    await desk.policy()
    certificate = await desk.certify()
    eve = desk.house.as_actor("eve")
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await desk.stub.GetAssurance(pb2.GetAssuranceRequest(parent=PROJECT), metadata=eve)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await desk.stub.GetCertificate(pb2.GetCertificateRequest(name=certificate.name), metadata=eve)
    await desk.house.project("other")
    name = certificate.name.replace("news", "other")
    with refused(StatusCode.NOT_FOUND, "CERTIFICATE_NOT_FOUND"):
        await desk.stub.GetCertificate(pb2.GetCertificateRequest(name=name), metadata=desk.house.ann)


async def test_certificates_are_kept_as_they_were_issued(desk: Desk) -> None:
    await desk.policy()
    request = pb2.IssueCertificateRequest(parent=PROJECT, request_id="once")
    first = (await desk.stub.IssueCertificate(request, metadata=desk.house.ann)).certificate
    assert (await desk.stub.IssueCertificate(request, metadata=desk.house.ann)).certificate == first
    second = await desk.certify()
    listed = await desk.stub.ListCertificates(
        pb2.ListCertificatesRequest(parent=PROJECT, page_size=1), metadata=desk.house.ann
    )
    assert list(listed.certificates) == [second]
    listed = await desk.stub.ListCertificates(
        pb2.ListCertificatesRequest(parent=PROJECT, page_size=1, page_token=listed.next_page_token),
        metadata=desk.house.ann,
    )
    assert (list(listed.certificates), listed.next_page_token) == ([first], "")
    found = await desk.stub.GetCertificate(
        pb2.GetCertificateRequest(name=first.name), metadata=desk.house.ann
    )
    assert found.certificate == first
    events = await desk.house.emitted(CertificateIssued)
    assert [event.certificate for event in events] == [first.name, second.name]
