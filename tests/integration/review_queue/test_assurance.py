"""From a policy to labels that nobody looks at, and back, behind a real server on both databases."""

# long: one policy through all its stages

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from grpc import StatusCode

from chassis.ids import new_uid
from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labelmesh.review.v1.review_events_pb2 import CertificateIssued
from labels.label import Annotation, Choice, Severity

PROJECT = "projects/news"


@dataclass
class Desk:
    """A project under a policy, and people who know the right answer: sport, unless the text says otherwise."""

    house: Any
    stub: AssuranceServiceStub
    project: Any

    async def policy(self, **fields: Any) -> pb2.AcceptancePolicy:
        values: dict[str, Any] = {
            "target_error": 0.1,
            "delta": 0.1,
            "audit_rate": 0.1,
            "mixed_audit_rate": 0.5,
            "n_min": 20,
        }
        request = pb2.SetAcceptancePolicyRequest(
            parent=PROJECT, policy=pb2.AcceptancePolicy(**(values | fields))
        )
        return (await self.stub.SetAcceptancePolicy(request, metadata=self.house.ann)).policy

    async def status(self) -> pb2.GetAssuranceResponse:
        request = pb2.GetAssuranceRequest(parent=PROJECT)
        return await self.stub.GetAssurance(request, metadata=self.house.ann)

    async def fit(self) -> pb2.ThresholdFit:
        request = pb2.FitThresholdsRequest(parent=PROJECT)
        return (await self.stub.FitThresholds(request, metadata=self.house.ann)).fit

    async def promote(self) -> int:
        request = pb2.PromoteAutomationRequest(parent=PROJECT)
        return (await self.stub.PromoteAutomation(request, metadata=self.house.ann)).stage

    async def apply(self) -> pb2.ApplyAcceptanceResponse:
        request = pb2.ApplyAcceptanceRequest(parent=PROJECT)
        last = pb2.ApplyAcceptanceResponse()
        async for done in self.stub.ApplyAcceptance(request, metadata=self.house.ann):
            last = done
        return last

    async def certify(self) -> pb2.Certificate:
        request = pb2.IssueCertificateRequest(parent=PROJECT, request_id=new_uid())
        return (await self.stub.IssueCertificate(request, metadata=self.house.ann)).certificate

    async def texts(self, n: int, first: int = 0) -> list[asset_pb2.Asset]:
        every = await self.house.import_texts(*(f"text {i}" for i in range(first + n)))
        return every[first:]

    async def predict(
        self, assets: Sequence[asset_pb2.Asset], confidence: float, wrong: float = 0.0, seed: int = 1
    ) -> None:
        """A model's labels at one confidence, of which a random share says politics, which is wrong."""
        draw = random.Random(seed)
        for asset in assets:
            category = "politics" if draw.random() < wrong else "sport"
            claims = (Annotation("a0", "topic", category, Choice(), confidence),)
            await self.house.deliver(
                self.project, self.house.prediction(asset, confidence, annotations=claims)
            )

    async def answer(self, most: int = 10_000) -> int:
        """People answer what is in the queue, from the top, until it is empty or they have done so many."""
        done = 0
        while done < most and (leases := await self.house.lease(min(100, most - done))):
            for lease in leases:
                await self._answer(lease)
            done += len(leases)
        return done

    async def _answer(self, lease: Any) -> None:
        (claim,) = lease.task.label.annotations
        if claim.category == "sport":
            await self.house.submit(lease, "ACCEPT")
            return
        relabel = queue_service_pb2.RelabelAnnotation(annotation_id=claim.id, category="sport")
        await self.house.submit(lease, "CORRECT", ops=[queue_service_pb2.CorrectionOp(relabel=relabel)])

    async def ready(self) -> list[asset_pb2.Asset]:
        """A project whose model is right above 0.9, as 60 answers of a sample of everything showed."""
        await self.policy(audit_rate=0.2, mixed_audit_rate=1.0)
        assets = await self.texts(60)
        await self.predict(assets, 0.95)
        await self.answer()
        await self.fit()
        await self.policy(audit_rate=0.2, mixed_audit_rate=0.5, revision=1)
        await self.promote()
        return assets


@pytest.fixture
async def desk(house: Any) -> Desk:
    project = await house.project()
    return Desk(house, AssuranceServiceStub(house.channel), project)


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


async def answer_audits(desk: Desk) -> None:
    """People go on until nothing of the random sample waits; they give back what is not of it."""
    while True:
        waiting = {t.name for t in await desk.house.tasks(filter="audit = YES AND state = OPEN")}
        if not waiting:
            return
        leases = await desk.house.lease(100)
        later: list[Any] = []
        while leases:
            for lease in leases:
                if lease.task.name in waiting:
                    await desk._answer(lease)
                else:
                    later.append(lease)
            leases = await desk.house.lease(100)
        for lease in later:
            request = queue_service_pb2.ReleaseLeaseRequest(
                name=lease.task.name, fencing_token=lease.fencing_token
            )
            await desk.house.queue.ReleaseLease(request, metadata=desk.house.ann)


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
