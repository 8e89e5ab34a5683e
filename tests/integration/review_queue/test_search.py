"""SearchLabels over the wire: what stands for each asset, by what was done to it."""

from typing import Any

from labelmesh.review.v1 import label_service_pb2 as pb2
from labelmesh.review.v1 import queue_service_pb2
from labels.correction import diff
from labels.label import Severity
from labels.proto import correction_op_to_pb, label_from_pb

PARENT = "projects/news"


async def find(house: Any, filter_: str = "", actor: str = "ann", **fields: Any) -> list[pb2.FoundLabel]:
    """All that a search finds, page by page."""
    request = pb2.SearchLabelsRequest(parent=PARENT, filter=filter_, **fields)
    found: list[pb2.FoundLabel] = []
    while True:
        response = await house.labels.SearchLabels(request, metadata=house.as_actor(actor))
        found += response.labels
        if not response.next_page_token:
            return found
        request.page_token = response.next_page_token


async def keys(house: Any, filter_: str = "", **fields: Any) -> list[str]:
    return [label.asset_key for label in await find(house, filter_, **fields)]


async def correct(house: Any, lease: queue_service_pb2.Lease, category: str, actor: str = "ann") -> None:
    """Answer with that category in the place of the label's."""
    (claim,) = label_from_pb(lease.task.label).annotations
    ops = diff([claim], [type(claim)(claim.id, claim.tool, category, claim.value)])
    await house.submit(lease, "CORRECT", actor, ops=map(correction_op_to_pb, ops))


async def test_what_was_done_to_labels_is_found(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(8)))
    predictions = [house.prediction(asset, 0.1 + i / 10) for i, asset in enumerate(assets[:6])]
    await house.deliver(project, *predictions)
    await house.deliver(project, house.evaluation(predictions[5].label, Severity.ERROR, Severity.INFO))
    leases = {lease.task.asset.key: lease for lease in await house.lease(2)}
    assert set(leases) == {"k5", "k0"}
    await house.submit(leases["k5"], "ACCEPT")
    await correct(house, leases["k0"], "politics")
    (other,) = await house.lease(actor="bob")
    await house.submit(other, "REJECT", "bob", reason="no text")

    assert (await keys(house))[:2] == ["k0", "k5"]
    assert sorted(await keys(house)) == ["k0", "k1", "k2", "k3", "k4", "k5"]
    assert await keys(house, "changed = true") == ["k0"]
    assert await keys(house, "changed = false") == ["k5"]
    assert await keys(house, "agreement < 0.5") == ["k0"]
    assert await keys(house, "overlap >= 0.5 AND kind = REVIEW") == ["k5"]
    assert await keys(house, "category:politics") == ["k0"]
    assert await keys(house, "confidence < 0.15") == ["k0"]
    assert await keys(house, "reviewer = ann", order_by="key") == ["k0", "k5"]
    assert await keys(house, "reviewer = bob") == ["k1"]
    assert await keys(house, "decision = REJECT") == ["k1"]
    assert await keys(house, "author = model", order_by="key desc") == ["k4", "k3", "k2", "k1"]
    assert await keys(house, "model = model AND source = PERSON", order_by="key") == ["k0", "k5"]
    assert await keys(house, "source = MODEL prompt_revision = 1 run = 01RUN", order_by="key") == [
        "k1", "k2", "k3", "k4",
    ]  # fmt: skip
    (found,) = await find(house, "changed = true")
    assert (found.agreement, found.overlap, round(found.confidence, 3)) == (0.0, 0.0, 0.1)
    assert (found.source, found.decision) == (
        pb2.LABEL_SOURCE_PERSON,
        queue_service_pb2.DECISION_CORRECT,
    )
    assert found.prediction == predictions[0].label.name
    assert found.prediction_run == "projects/news/predictionRuns/01RUN"
    assert (found.label.author, found.reviewer, found.model, found.prompt_revision) == (
        "ann", "ann", "model", 1,
    )  # fmt: skip
