"""Gold handed out as tasks: it looks like them, and tells how good a reviewer is."""

from typing import Any

import pytest
from grpc import StatusCode

from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import queue_service_pb2
from review_queue.assurance import checks
from tests.integration.review_queue.vault import Vault
from tests.integration.review_queue.vault import vault as vault


async def honeypots_only(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Three answered gold items, and reviewers whose every lease is a check of gold."""
    assets = await vault.house.import_texts("one", "two", "three")
    await vault.house.deliver(vault.project, *map(vault.house.prediction, assets))
    await vault.draw(3)
    for lease in await vault.house.lease(3):
        await vault.house.submit(lease, "ACCEPT")
    await vault.policy(check_share=0.5)

    class Always:
        def random(self) -> float:
            return 0.0

    monkeypatch.setattr(checks, "_draw", Always())
    return assets


async def test_a_honeypot_looks_like_a_task_and_changes_no_label(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    await honeypots_only(vault, monkeypatch)
    before = await vault.house.contents()
    leases = await vault.house.lease(5, actor="bob")
    assert len(leases) == 3
    for lease in leases:
        assert lease.task.state == queue_service_pb2.TASK_STATE_LEASED
        assert lease.task.label.kind == label_pb2.LABEL_KIND_PREDICTION
        assert lease.task.reviewer == "bob"
    # Nobody is given what he is at already.
    assert await vault.house.lease(5, actor="bob") == []
    right, wrong, back = leases
    label = await vault.house.submit(right, "ACCEPT", actor="bob")
    assert (label.author, label.kind, label.asset) == (
        "bob",
        label_pb2.LABEL_KIND_REVIEW,
        right.task.asset.name,
    )
    relabel = queue_service_pb2.RelabelAnnotation(
        annotation_id=wrong.task.label.annotations[0].id, category="politics"
    )
    ops = [queue_service_pb2.CorrectionOp(relabel=relabel)]
    answered = {"request_id": "same", "actor": "bob", "ops": ops}
    first = await vault.house.submit(wrong, "CORRECT", **answered)
    assert await vault.house.submit(wrong, "CORRECT", **answered) == first
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await vault.house.submit(right, "ACCEPT", actor="bob")
    await vault.house.queue.RenewLease(
        queue_service_pb2.RenewLeaseRequest(name=back.task.name, fencing_token=back.fencing_token),
        metadata=vault.house.as_actor("bob"),
    )
    await vault.house.queue.ReleaseLease(
        queue_service_pb2.ReleaseLeaseRequest(name=back.task.name, fencing_token=back.fencing_token),
        metadata=vault.house.as_actor("bob"),
    )
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await vault.house.submit(back, "ACCEPT", actor="bob")
    assert await vault.house.contents() == before
    assert await vault.quality() == {"bob": (1, 2)}
    (again,) = await vault.house.lease(5, actor="bob")
    assert again.task.name == back.task.name


async def test_nobody_is_tested_with_his_own_answer(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    await honeypots_only(vault, monkeypatch)
    assert await vault.house.lease(5) == []


async def test_a_bad_answer_to_a_honeypot_is_refused_like_any(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    await honeypots_only(vault, monkeypatch)
    lease, *_ = await vault.house.lease(1, actor="bob")
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await vault.house.submit(lease, "ACCEPT", actor="bob", base_etag="7-other")
    with refused(StatusCode.INVALID_ARGUMENT, "OPS_MISSING"):
        await vault.house.submit(lease, "CORRECT", actor="bob")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await vault.house.submit(lease, "ACCEPT", actor="reviewer-01")
    assert await vault.quality() == {}
    await vault.house.submit(lease, "REJECT", actor="bob", reason="blurred")
    assert await vault.quality() == {"bob": (0, 1)}


async def test_checks_come_in_the_order_of_the_queue_and_bring_what_waits_at_its_end(vault: Vault) -> None:
    assets = await vault.house.import_texts(*(f"text {i}" for i in range(60)))
    await vault.policy(audit_rate=0.005, mixed_audit_rate=0.005, check_share=0.5)
    sure = [vault.house.prediction(asset, 0.99) for asset in assets[:10]]
    await vault.house.deliver(vault.project, *sure)
    assert await vault.draw(5) == 5
    rest = [vault.house.prediction(asset, 0.3) for asset in assets[10:]]
    await vault.house.deliver(vault.project, *rest)
    gold = {task.name for task in await vault.house.tasks(filter="sealed = YES")}
    leases = await vault.house.lease(50)
    doubt = [round(lease.task.terms.uncertainty, 2) for lease in leases]
    assert doubt == sorted(doubt, reverse=True)
    assert gold & {lease.task.name for lease in leases}
