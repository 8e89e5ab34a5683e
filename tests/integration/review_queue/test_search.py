"""SearchLabels over the wire: what stands for each asset, by what was done to it."""

from typing import Any

import pytest
from grpc import StatusCode

from labelmesh.qa.v1 import qa_events_pb2
from labelmesh.review.v1 import label_service_pb2 as pb2
from labelmesh.review.v1 import metrics_service_pb2, queue_policy_service_pb2, queue_service_pb2
from labelmesh.review.v1.queue_policy_service_pb2_grpc import QueuePolicyServiceStub
from labels.correction import Relabel, diff
from labels.label import Annotation, Choice, Severity
from labels.proto import annotation_to_pb, correction_op_to_pb, label_from_pb

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


async def test_what_is_said_later_is_found_by_the_prediction_before_it(house: Any) -> None:
    project = await house.project()
    policy = queue_policy_service_pb2.QueuePolicy(name=f"{PARENT}/queuePolicy", four_eyes=True)
    await QueuePolicyServiceStub(house.channel).UpdateQueuePolicy(
        queue_policy_service_pb2.UpdateQueuePolicyRequest(policy=policy), metadata=house.ann
    )
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset, 0.4))
    (lease,) = await house.lease()
    await correct(house, lease, "politics")
    (second,) = await house.lease(actor="bob")
    await correct(house, second, "sport", "bob")
    (found,) = await find(house, "changed = false AND kind = REVIEW")
    assert (found.agreement, found.label.author, found.model) == (1.0, "bob", "model"), (
        "back to the prediction"
    )
    (third,) = await house.lease()
    await house.submit(third, "ACCEPT")
    (found,) = await find(house, "reviewer = ann")
    assert (found.agreement, round(found.confidence, 3), found.label.revision) == (1.0, 0.4, 4)

    edit = pb2.UpdateLabelRequest(
        name=found.label.name,
        etag=found.label.etag,
        annotations=[annotation_to_pb(Annotation("a0", "topic", "politics", Choice()))],
        request_id="edit",
    )
    await house.labels.UpdateLabel(edit, metadata=house.as_actor("bob"))
    (found,) = await find(house, "changed = true AND author = bob")
    assert (found.agreement, found.source, found.reviewer) == (0.0, pb2.LABEL_SOURCE_PERSON, "ann")


async def test_rules_and_files_are_sources_and_rules_are_found_by_name(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts("one", "two")
    predicted = house.prediction(assets[0])
    await house.deliver(project, predicted)
    await house.deliver(project, house.evaluation(predicted.label, Severity.ERROR, Severity.INFO))
    assert await keys(house, "rule:rule_1 AND findings = 2") == ["k0"]
    assert await keys(house, "severity = ERROR") == ["k0"]
    await house.deliver(project, house.evaluation(predicted.label, Severity.INFO, ruleset_revision=2))
    assert await keys(house, "rule:rule_1 OR severity > INFO") == []
    (found,) = await find(house, "rule:rule_* findings >= 1")
    assert [finding.rule for finding in found.findings] == ["rule_0"]

    patched = qa_events_pb2.LabelPatched(
        label=predicted.label.name,
        asset=assets[0].name,
        rule_run=f"{PARENT}/ruleRuns/01JRUN",
        rules=["snap_spans"],
        ops=[correction_op_to_pb(Relabel("a0", "politics"))],
    )
    await house.deliver(project, patched)
    rows = [pb2.ImportLabelRow(line=1, asset_key="k1", annotations=[annotation_to_pb(CLAIM)], confidence=0.9)]
    first = pb2.ImportLabelsRequest(parent=PARENT, import_id="i", kind=2, model="elsewhere", rows=rows)
    async for done in house.labels.ImportLabels(iter([first]), metadata=house.ann):
        assert done.imported == 1
    assert await keys(house, "source = RULE AND category:politics") == ["k0"]
    assert await keys(house, "rule:*") == [], "nothing was said about the new label yet"
    assert await keys(house, "source = IMPORT AND model = elsewhere AND confidence >= 0.9") == ["k1"]


CLAIM = Annotation("a0", "topic", "sport", Choice())


async def test_a_prediction_that_is_held_back_is_not_found(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(30)))
    await house.deliver(project, *map(house.prediction, assets))
    policy = metrics_service_pb2.HoldOutPolicy(share=0.5)
    request = metrics_service_pb2.UpdateHoldOutPolicyRequest(parent=PARENT, policy=policy)
    await house.metrics.UpdateHoldOutPolicy(request, metadata=house.ann)
    leases = await house.lease(30)
    hidden = {lease.task.asset.key for lease in leases if not lease.task.HasField("label")}
    assert 0 < len(hidden) < 30
    assert set(await keys(house)) == {f"k{i}" for i in range(30)} - hidden
    assert not hidden & set(await keys(house, "confidence > 0.5", order_by="key"))
    (lease, *_) = [lease for lease in leases if lease.task.asset.key in hidden]
    op = queue_service_pb2.CorrectionOp(
        add=queue_service_pb2.AddAnnotation(annotation=annotation_to_pb(CLAIM))
    )
    await house.submit(lease, "CORRECT", ops=[op])
    (found,) = await find(house, f'key = "{lease.task.asset.key}"')
    assert (found.agreement, found.model) == (1.0, "model"), "compared with what the reviewer did not see"


async def test_pages_hold_together_and_tokens_are_bound_to_their_search(house: Any, refused: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(7)))
    await house.deliver(project, *(house.prediction(a, i / 10) for i, a in enumerate(assets)))
    assert await keys(house, page_size=3, order_by="confidence desc") == [
        f"k{i}" for i in (6, 5, 4, 3, 2, 1, 0)
    ]
    assert sorted(await keys(house, page_size=2)) == [f"k{i}" for i in range(7)]

    async def search(actor: str = "ann", **fields: Any) -> pb2.SearchLabelsResponse:
        request = pb2.SearchLabelsRequest(**({"parent": PARENT, "page_size": 2} | fields))
        return await house.labels.SearchLabels(request, metadata=house.as_actor(actor))

    token = (await search(filter="kind = PREDICTION")).next_page_token
    for other in ({}, {"filter": "kind=PREDICTION"}, {"filter": "kind = PREDICTION", "order_by": "key"}):
        with refused(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
            await search(page_token=token, **other)
    with refused(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        await search(page_token=token[:-4] + "AAAA", filter="kind = PREDICTION")
    with refused(StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_INVALID"):
        await search(page_size=1_001)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await search("eve")
    with refused(StatusCode.INVALID_ARGUMENT, "NAME_INVALID"):
        await search(parent="news")


@pytest.mark.parametrize(
    ("filter_", "at"),
    [
        ("agreement << 1", 12),
        ("state = OPEN", 1),
        ("kind = PREDICTION AND (author = ann", 36),
        ("changed = yes", 11),
        ("author = x; DROP TABLE labels", 18),
        ("confidence < 1e999", 14),
        ("x" * 4_001, 0),
    ],
)
async def test_what_cannot_be_read_is_refused_with_its_place(
    house: Any, refused: Any, filter_: str, at: int
) -> None:
    await house.project()
    request = pb2.SearchLabelsRequest(parent=PARENT, filter=filter_)
    with refused(StatusCode.INVALID_ARGUMENT, "FILTER_INVALID") as refusal:
        await house.labels.SearchLabels(request, metadata=house.ann)
    assert (f"at character {at}:" in refusal.message) is bool(at)
    with refused(StatusCode.INVALID_ARGUMENT, "ORDER_INVALID"):
        await house.labels.SearchLabels(
            pb2.SearchLabelsRequest(parent=PARENT, order_by="rule"), metadata=house.ann
        )
