"""A desk that policies of automatic acceptance are tried at."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.ids import new_uid
from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labels.label import Annotation, Choice

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
