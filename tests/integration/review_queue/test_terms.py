"""Terms of the priority that do not come from the label up for review: worth, disagreement, novelty."""

from typing import Any

import pytest
from grpc import StatusCode

from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2, project_service_pb2
from labelmesh.review.v1 import queue_policy_service_pb2 as policy_pb
from labelmesh.review.v1 import queue_service_pb2 as pb2
from labels.label import Annotation, Choice
from review_queue.measures.adding import sum_all
from tests.integration.review_queue.policies import BOB, put, task


def row(key: str, text: str = "text", **fields: Any) -> asset_service_pb2.ImportRow:
    context = fields.pop("context", {})
    asset = asset_pb2.Asset(key=key, text=text, context=context)
    return asset_service_pb2.ImportRow(line=1, asset=asset, **fields)


def weigh(house: Any, actor: str = "ann", parent: str = "projects/news", **weights: float) -> Any:
    asked = [pb2.BusinessWeight(key=key, weight=weight) for key, weight in weights.items()]
    request = pb2.SetBusinessWeightsRequest(parent=parent, weights=asked)
    return house.queue.SetBusinessWeights(request, metadata=house.as_actor(actor))


async def order(house: Any) -> list[str]:
    return [found.asset.key for found in await house.tasks()]


async def lease_order(house: Any) -> list[str]:
    return [lease.task.asset.key for lease in await house.lease(100)]


def topics(category: str) -> tuple[Annotation, ...]:
    return (Annotation("a0", "topic", category, Choice(), 0.75),)


async def test_what_an_asset_is_worth_counts_in_its_priority(house: Any) -> None:
    await house.project(mode="NONE", weights=project_service_pb2.PriorityWeights(business=10))
    worth = ("0.2", "0.9", "much", "7", "1000.5", "nan")
    rows = [row(f"k{i}", context={"business_weight": said}) for i, said in enumerate(worth)]
    # The row's own weight goes before the context's.
    rows += [row("k6", weight=3, context={"business_weight": "9"}), row("k7", weight=0)]
    await house.send_rows(rows)
    found = await house.tasks()
    assert [t.terms.business for t in found] == [7.0, 3.0, 0.9, 0.2, 0.0, 0.0, 0.0, 0.0]
    assert found[0].priority - found[-1].priority == pytest.approx(70.0, abs=1e-3)
    assert await lease_order(house) == [t.asset.key for t in found]


@pytest.mark.parametrize("weight", [-0.001, 1_000.5, float("nan"), float("inf")])
async def test_a_worth_out_of_range_refuses_its_row_alone(house: Any, weight: float) -> None:
    await house.project(mode="NONE")
    (batch,) = await house.send_rows([row("good", weight=1_000), row("bad", weight=weight)])
    assert (batch.imported, [error.reason for error in batch.errors]) == (1, ["WEIGHT_INVALID"])
    assert await order(house) == ["good"]


async def test_worth_changes_later_and_the_task_moves_at_once(house: Any) -> None:
    await house.project(mode="NONE", weights=project_service_pb2.PriorityWeights(business=1))
    await house.import_texts("one", "two", "three")
    assert (await weigh(house, k2=5, k1=0.5)).changed == 2
    assert await order(house) == ["k2", "k1", "k0"]
    assert (await weigh(house, k2=5, k0=9)).changed == 1
    assert [(t.asset.key, t.terms.business) for t in await house.tasks(filter="weight > 1")] == [
        ("k0", 9.0), ("k2", 5.0),
    ]  # fmt: skip
    assert await lease_order(house) == ["k0", "k2", "k1"]


async def test_worth_that_cannot_be_changed_changes_nothing(house: Any, refused: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts("one", "two")
    before = await house.contents()
    for weights in (
        {},
        {"k0": -1.0},
        {"k0": 1_000.1},
        {"k0": float("nan")},
        {f"x{i}": 1.0 for i in range(1_001)},
    ):
        with refused(StatusCode.INVALID_ARGUMENT, "WEIGHT_INVALID"):
            await weigh(house, **weights)
    twice = [pb2.BusinessWeight(key="k0", weight=1), pb2.BusinessWeight(key="k0", weight=2)]
    with refused(StatusCode.INVALID_ARGUMENT, "WEIGHT_INVALID"):
        request = pb2.SetBusinessWeightsRequest(parent="projects/news", weights=twice)
        await house.queue.SetBusinessWeights(request, metadata=house.ann)
    with refused(StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"):
        await weigh(house, k0=1.0, k9=1.0)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await weigh(house, actor="eve", k0=1.0)
    assert await house.contents() == before


async def test_worth_is_for_managers_where_there_are_some_and_routes_hear_of_it(
    house: Any, refused: Any
) -> None:
    await house.project(mode="NONE")
    await house.import_texts("one", "two")
    pools = [policy_pb.Pool(pool="gold-desk")]
    await put(house, managers=["ann"], pools=pools, routes=[{"pool": "gold-desk", "filter": "weight >= 100"}])
    with refused(StatusCode.PERMISSION_DENIED, "POLICY_FORBIDDEN"):
        await weigh(house, actor=BOB, k0=500)
    await weigh(house, k0=500)
    assert [(await task(house, key)).pool for key in ("k0", "k1")] == ["gold-desk", ""]


async def test_predictions_that_differ_from_the_one_before_bring_a_task_forward(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts("one", "two", "three")
    first = [house.prediction(a, run="01RUN", annotations=topics("sport")) for a in assets]
    await house.deliver(project, *first)
    assert [t.terms.disagreement for t in await house.tasks()] == [0.0, 0.0, 0.0]
    said = ("sport", "politics", "sport")
    second = [
        house.prediction(a, run="02RUN", annotations=topics(c)) for a, c in zip(assets, said, strict=True)
    ]
    await house.deliver(project, *second)
    found = await house.tasks()
    assert [(t.asset.key, t.terms.disagreement) for t in found] == [("k1", 1.0), ("k0", 0.0), ("k2", 0.0)]
    assert [t.asset.key for t in await house.tasks(filter="disagreement >= 0.5")] == ["k1"]
    assert await lease_order(house) == ["k1", "k0", "k2"]
    # The same event again changes nothing; a third that agrees with the second lowers it.
    await house.deliver(project, *second)
    assert (await task(house, "k1")).terms.disagreement == 1.0
    await house.deliver(project, house.prediction(assets[1], run="03RUN", annotations=topics("politics")))
    assert (await task(house, "k1")).terms.disagreement == 0.0


async def test_several_predictions_in_one_batch_are_compared_in_their_order(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    runs = [
        house.prediction(asset, run=run, annotations=topics(c))
        for run, c in (("01RUN", "sport"), ("02RUN", "sport"), ("03RUN", "politics"))
    ]
    await house.deliver(project, *runs)
    assert (await task(house, "k0")).terms.disagreement == 1.0


async def test_a_prediction_that_differs_from_a_persons_label_is_found_by_filter(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts("one", "two")
    await house.deliver(project, *(house.prediction(a, annotations=topics("sport")) for a in assets))
    for lease in await house.lease(2):
        await house.submit(lease, "ACCEPT")
    later = zip(assets, ("sport", "politics"), strict=True)
    await house.deliver(project, *(house.prediction(a, run="02RUN", annotations=topics(c)) for a, c in later))
    done = await house.tasks(filter="state = DONE disagreement > 0")
    assert [(t.asset.key, t.label.author) for t in done] == [("k1", "ann")]


async def test_novelty_is_the_share_of_pairs_of_words_that_nobody_has_answered(house: Any) -> None:
    weights = project_service_pb2.PriorityWeights(novelty=10)
    await house.project(mode="NONE", weights=weights)
    await house.import_texts("my parcel has not come yet")
    assert [t.terms.novelty for t in await house.tasks()] == [1.0]
    (lease,) = await house.lease()
    await house.submit(lease, "CORRECT", ops=[])
    await sum_all(house.db)
    later = [
        row("same", "My parcel has not come yet!"),
        row("half", "the parcel has not gone astray"),
        row("new", "please close it"),
    ]
    await house.send_rows(later)
    found = {t.asset.key: t.terms.novelty for t in await house.tasks()}
    # the parcel, not gone, gone astray: three of five pairs are new.
    assert found == {"new": 1.0, "half": pytest.approx(0.6), "same": 0.0}
    assert await lease_order(house) == ["new", "half", "same"]


async def test_novelty_is_looked_at_again_when_a_model_has_spoken(house: Any) -> None:
    project = await house.project(weights=project_service_pb2.PriorityWeights(novelty=10))
    assets = await house.import_texts("my parcel has not come", "my parcel has not come", "close my account")
    await house.deliver(project, *(house.prediction(a) for a in assets))
    (lease,) = await house.lease()
    await house.submit(lease, "ACCEPT")
    await sum_all(house.db)
    other = "k1" if lease.task.asset.key == "k0" else "k0"
    assert (await task(house, other)).terms.novelty == 1.0
    await house.deliver(project, *(house.prediction(a, run="02RUN") for a in assets))
    assert (await task(house, other)).terms.novelty == 0.0
    assert [t.asset.key for t in await house.tasks(filter="state = OPEN novelty >= 0.5")] == ["k2"]


async def test_answers_of_one_project_are_not_those_of_another_and_pictures_are_not_known(house: Any) -> None:
    weights = project_service_pb2.PriorityWeights(novelty=1)
    for name in ("news", "other"):
        await house.project(name, mode="NONE", weights=weights)
    await house.import_texts("my parcel has not come")
    (lease,) = await house.lease()
    await house.submit(lease, "CORRECT", ops=[])
    assert await sum_all(house.db) == 1
    await house.import_texts("my parcel has not come", parent="projects/other")
    (there,) = await house.tasks("projects/other")
    assert there.terms.novelty == 1.0
    wordless = [row("k9", "?!")]
    await house.send_rows(wordless)
    assert [t.asset.key for t in await house.tasks(filter="-novelty:*")] == ["k9"]


async def test_nothing_is_kept_of_a_project_that_does_not_weigh_novelty(house: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts("my parcel has not come")
    assert [t.asset.key for t in await house.tasks(filter="novelty:*")] == []
    explained = await house.queue.ExplainPriority(
        pb2.ExplainPriorityRequest(name=(await task(house, "k0")).name), metadata=house.ann
    )
    assert {term.name: term.contribution for term in explained.terms}["novelty"] == 0.0
