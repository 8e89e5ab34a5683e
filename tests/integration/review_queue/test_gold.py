"""Gold: sealed before anybody sees it, out of every prompt, and handed to people as if it were a task."""

import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from grpc import StatusCode

from chassis import migrate
from chassis.blobs import Blobs
from chassis.bus import Event
from chassis.clock import now_us
from chassis.db import connect
from chassis.ids import new_uid
from labelmesh.review.v1 import assurance_service_pb2, gold_service_pb2, label_service_pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    AssetsSealed,
    LabelReviewed,
    ProjectChanged,
)
from llm_annotator.__main__ import handlers as annotator_handlers
from llm_annotator.consumer import AnnotatorConsumer
from tests.integration.review_queue.vault import PROJECT, SET, Vault
from tests.integration.review_queue.vault import vault as vault


async def test_gold_is_drawn_from_what_nobody_has_answered_or_is_looking_at(vault: Vault) -> None:
    assets = await vault.house.import_texts(*(f"text {i}" for i in range(30)))
    await vault.house.deliver(vault.project, *map(vault.house.prediction, assets))
    seen, *_ = await vault.house.lease(5)
    await vault.house.submit(seen, "ACCEPT")
    assert await vault.draw(30) == 25
    assert await vault.draw(30) == 0
    found = await vault.set()
    assert (found.items, found.answered, found.revision) == (25, 0, 1)
    sealed = [name for event in await vault.house.emitted(AssetsSealed) for name in event.assets]
    assert len(sealed) == len(set(sealed)) == 25
    assert len(await vault.house.tasks(filter="sealed = YES")) == 25


async def test_a_draw_that_is_sent_again_draws_nothing_more(vault: Vault) -> None:
    await vault.house.import_texts(*(f"text {i}" for i in range(30)))
    assert await vault.draw(10, "once") == 10
    assert await vault.draw(10, "once") == 10
    assert (await vault.set()).items == 10


async def test_what_is_drawn_is_a_fair_share_of_every_part(vault: Vault) -> None:
    assets = await vault.house.import_texts(*(f"text {i}" for i in range(400)))
    await vault.draw(200)
    sealed = {name for event in await vault.house.emitted(AssetsSealed) for name in event.assets}
    first_half = sum(asset.name in sealed for asset in assets[:200])
    # Six standard deviations of the hypergeometric distribution on either side.
    assert 70 < first_half < 130


async def test_a_drawn_item_is_answered_like_any_task_and_that_is_its_answer(vault: Vault) -> None:
    (asset,) = await vault.house.import_texts("text")
    await vault.house.deliver(vault.project, vault.house.prediction(asset))
    await vault.draw(1)
    (lease,) = await vault.house.lease()
    await vault.house.submit(lease, "ACCEPT")
    assert (await vault.set()).answered == 1
    (event,) = await vault.house.emitted(LabelReviewed)
    assert event.sealed
    listed = await vault.stub.ListGoldItems(
        gold_service_pb2.ListGoldItemsRequest(parent=SET), metadata=vault.house.ann
    )
    (item,) = listed.items
    assert (item.asset, item.drawn, item.answered) == (asset.name, True, True)


async def test_chosen_items_have_an_answer_and_are_sealed_after_the_fact(vault: Vault, refused: Any) -> None:
    first, second, third = await vault.house.import_texts("one", "two", "three")
    await vault.house.deliver(vault.project, vault.house.prediction(first), vault.house.prediction(second))
    for lease in await vault.house.lease(2):
        await vault.house.submit(lease, "ACCEPT")
    assert (await vault.add(first.name)).answered == 1
    assert (await vault.add(third.name, "politics")).answered == 2
    with refused(StatusCode.INVALID_ARGUMENT, "GOLD_INVALID") as why:
        await vault.add(third.name)
    assert "No person has labelled" in why.message
    with refused(StatusCode.INVALID_ARGUMENT, "UNKNOWN_CATEGORY"):
        await vault.add(third.name, "weather")
    with refused(StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"):
        await vault.add(f"{PROJECT}/assets/01NOBODY", "sport")
    assert (await vault.set()).items == 2
    events = await vault.house.emitted(AssetsSealed)
    assert [list(event.assets) for event in events] == [[first.name], [third.name]]


async def test_an_asset_is_gold_in_one_set_alone(vault: Vault, refused: Any) -> None:
    (asset,) = await vault.house.import_texts("one")
    await vault.add(asset.name, "sport")
    request = gold_service_pb2.CreateGoldSetRequest(parent=PROJECT, gold_set_id="second")
    await vault.stub.CreateGoldSet(request, metadata=vault.house.ann)
    item = gold_service_pb2.GoldAnswer(asset=asset.name, annotations=[])
    again = gold_service_pb2.AddGoldItemsRequest(name=SET.replace("first", "second"), items=[item])
    with refused(StatusCode.INVALID_ARGUMENT, "GOLD_INVALID"):
        await vault.stub.AddGoldItems(again, metadata=vault.house.ann)


async def test_gold_never_becomes_an_example_whatever_comes_first(vault: Vault, tmp_path: Path) -> None:
    """The leakage test: this service's own events, in any order and twice, into the real example bank."""
    assets = await vault.house.import_texts(*(f"text {i}" for i in range(24)))
    await vault.house.deliver(vault.project, *map(vault.house.prediction, assets))
    await vault.draw(6)
    for lease in await vault.house.lease(24):
        await vault.house.submit(lease, "ACCEPT")
    drawn = await sealed_names(vault)
    free = next(asset for asset in assets if asset.name not in drawn)
    await vault.add(free.name)
    sealed = await sealed_names(vault)
    assert len(sealed) == 7
    begin: list[Message] = [
        *await vault.house.emitted(ProjectChanged),
        *await vault.house.emitted(AssetsImported),
    ]
    news: list[Message] = [
        *await vault.house.emitted(LabelReviewed),
        *await vault.house.emitted(AssetsSealed),
    ]
    for seed in range(6):
        order = random.Random(seed)
        shuffled = [*news, *order.sample(news, 10)]
        order.shuffle(shuffled)
        kept = await examples_after(tmp_path / f"{seed}.db", vault.project.uid, [*begin, *shuffled])
        assert len(kept) == 24 - 7
        assert not {f"{PROJECT}/assets/{uid}" for uid in kept} & sealed


async def sealed_names(vault: Vault) -> set[str]:
    return {name for event in await vault.house.emitted(AssetsSealed) for name in event.assets}


async def examples_after(path: Path, project_uid: str, messages: list[Message]) -> set[str]:
    async with connect(f"sqlite:///{path}") as db:
        await migrate.upgrade(db, "llm_annotator")
        consumer = AnnotatorConsumer(Blobs(f"file://{path.parent}/blobs"), "model", lambda: None)
        known = annotator_handlers(consumer)
        for message in messages:
            event: Event[Any] = Event(message, project_uid, new_uid(), now_us(), 1, "")
            async with db.begin() as conn:
                await known[type(message)](conn, [event])
        async with db.read() as conn:
            return set((await conn.execute(sa.text("SELECT asset_uid FROM examples"))).scalars())


async def test_an_answer_to_known_gold_is_judged_with_the_prediction_it_began_with(vault: Vault) -> None:
    (asset,) = await vault.house.import_texts("one")
    await vault.house.deliver(vault.project, vault.house.prediction(asset))
    await vault.add(asset.name, "politics")
    (lease,) = await vault.house.lease()
    await vault.house.submit(lease, "ACCEPT")
    assert await vault.quality() == {"ann": (0, 1)}


async def test_an_export_ends_with_what_it_held_if_it_is_asked_to(vault: Vault) -> None:
    assets = await vault.house.import_texts("one", "two", "three")
    await vault.house.deliver(vault.project, *map(vault.house.prediction, assets[:2]))
    lease, other = await vault.house.lease(2)
    await vault.house.submit(lease, "ACCEPT")
    await vault.house.submit(other, "REJECT", reason="empty")

    async def export(**fields: Any) -> list[label_service_pb2.ExportLabelsResponse]:
        request = label_service_pb2.ExportLabelsRequest(parent=PROJECT, **fields)
        return [m async for m in vault.house.labels.ExportLabels(request, metadata=vault.house.ann)]

    assert len(await export()) == 3
    *rows, last = await export(with_manifest=True)
    assert not any(row.HasField("manifest") for row in rows)
    assert not last.HasField("asset")
    m = last.manifest
    assert (m.assets, m.reviewed, m.rejected, m.missing, m.auto_accepted) == (3, 1, 1, 1, 0)
    assert (m.certificate, m.confidence) == ("", 0.0)
    await vault.policy()
    certify = assurance_service_pb2.IssueCertificateRequest(parent=PROJECT, request_id="c")
    issued = await AssuranceServiceStub(vault.house.channel).IssueCertificate(
        certify, metadata=vault.house.ann
    )
    *_, last = await export(with_manifest=True)
    assert last.manifest.certificate == issued.certificate.name
    assert last.manifest.confidence == pytest.approx(0.9)


async def test_gold_that_is_not_right_is_refused(vault: Vault, refused: Any) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "GOLD_INVALID"):
        await vault.draw(0)
    with refused(StatusCode.INVALID_ARGUMENT, "GOLD_INVALID"):
        await vault.draw(10_001)
    with refused(StatusCode.NOT_FOUND, "GOLD_SET_NOT_FOUND"):
        request = gold_service_pb2.ListGoldItemsRequest(parent=f"{PROJECT}/goldSets/none")
        await vault.stub.ListGoldItems(request, metadata=vault.house.ann)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        listing = gold_service_pb2.ListGoldSetsRequest(parent=PROJECT)
        await vault.stub.ListGoldSets(listing, metadata=vault.house.as_actor("eve"))
    with refused(StatusCode.INVALID_ARGUMENT, "GOLD_INVALID"):
        item = gold_service_pb2.GoldAnswer(asset="projects/other/assets/01A")
        add = gold_service_pb2.AddGoldItemsRequest(name=SET, items=[item])
        await vault.stub.AddGoldItems(add, metadata=vault.house.ann)
