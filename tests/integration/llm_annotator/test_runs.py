import asyncio

import grpc
import pytest

from chassis.blobs import Blobs
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionFailed
from labelmesh.annotator.v1.prediction_run_service_pb2 import (
    EXAMPLE_POOL_CORRECTED,
    ITEM_STATE_FAILED,
    RUN_SCOPE_UNREVIEWED,
    RUN_STATE_CANCELLED,
    RUN_STATE_DONE,
    RUN_STATE_PAUSED,
    RUN_STATE_WAITING,
    SHOTS_FEW,
    CancelPredictionRunRequest,
    ListPredictionItemsRequest,
    ListPredictionRunsRequest,
    ResumePredictionRunRequest,
)
from labelmesh.review.v1.queue_service_pb2 import DECISION_ACCEPT, DECISION_CORRECT, DECISION_REJECT
from labelmesh.review.v1.review_events_pb2 import AssetsImported
from labels.asset import Asset, ContentRef
from labels.label import derive_uid
from labels.proto import asset_to_pb


async def test_a_run_labels_every_text_once(world):
    await world.create_project()
    await world.import_texts([f"text {n} [[{'sport' if n % 2 else 'art'}]]" for n in range(250)])
    run = await world.run(minimum=250, concurrency=32)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.total, done.succeeded, done.failed) == (250, 250, 0)
    assert done.prompt_tokens > 0
    assert done.end_time_us > done.create_time_us
    events = await world.events(250)
    assert len(events) == 250
    for event in events:
        n = int(event.asset.key.removeprefix("key-"))
        assert event.asset.text == f"text {n} [[{'sport' if n % 2 else 'art'}]]"
        assert [a.category for a in event.label.annotations] == ["sport" if n % 2 else "art"]
        assert (
            event.label.name == f"projects/news/labels/{derive_uid(run.name.rpartition('/')[2], f'A{n:06}')}"
        )
        assert event.label.asset == event.asset.name
        assert event.label.author == "stub"
        assert (
            0
            < event.label.confidence.lower
            <= event.label.confidence.raw
            <= event.label.confidence.upper
            <= 1
        )
        assert event.label.lineage.prediction_run == run.name
    assert len({round(event.label.confidence.raw, 6) for event in events}) > 10
    assert len({event.asset.key for event in events}) == 250


async def test_the_same_request_is_one_run(world):
    await world.create_project()
    await world.import_texts(["a", "b"])
    first = await world.run(minimum=2)
    await world.reaches(first.name, RUN_STATE_DONE)
    assert (await world.run(minimum=2)).name == first.name
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.run(minimum=3)
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    again = await world.run("r2")
    assert (again.total, again.state) == (0, RUN_STATE_DONE)
    anew = await world.run("r3", scope=RUN_SCOPE_UNREVIEWED)
    assert (await world.reaches(anew.name, RUN_STATE_DONE)).succeeded == 2
    page = await world.runs.ListPredictionRuns(ListPredictionRunsRequest(parent="projects/news", page_size=2))
    assert [run.name for run in page.runs] == [anew.name, again.name]
    rest = await world.runs.ListPredictionRuns(
        ListPredictionRunsRequest(parent="projects/news", page_token=page.next_page_token)
    )
    assert ([run.name for run in rest.runs], rest.next_page_token) == ([first.name], "")


async def test_a_run_waits_for_the_texts_it_needs(world):
    await world.create_project()
    await world.import_texts(["one"])
    run = await world.run(minimum=3)
    assert run.state == RUN_STATE_WAITING
    await world.import_texts(["two", "three"], first=1)
    assert (await world.reaches(run.name, RUN_STATE_DONE)).succeeded == 3


async def test_automatic_projects_are_labelled_as_they_come(world):
    await world.create_project(automatic=True)
    await world.import_texts(["one", "two"])
    assert len(await world.events(2)) == 2
    await world.import_texts(["three"], first=2)
    events = await world.events(3)
    assert [event.asset.text for event in events][2] == "three"
    page = await world.runs.ListPredictionRuns(ListPredictionRunsRequest(parent="projects/news"))
    (run,) = page.runs
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.total, done.succeeded) == (3, 3)


async def test_what_a_person_labelled_is_left_alone(world):
    world.stub.control(delay_ms=400)
    await world.create_project()
    await world.import_texts(["one", "two", "three"])
    run = await world.run(minimum=3, concurrency=1)
    await world.review(2, "three", "sport", DECISION_ACCEPT)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.total, done.succeeded) == (2, 2)
    assert {event.asset.text for event in await world.events(2)} == {"one", "two"}


async def test_examples_come_from_reviews(world):
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(6)])
    await world.review(0, "text 0", "sport", DECISION_CORRECT)
    await world.review(1, "text 1", "art", DECISION_ACCEPT)
    await world.review(2, "text 2", "sport", DECISION_ACCEPT)
    await world.review(2, "text 2", "art", DECISION_REJECT, revision=3)
    run = await world.run(minimum=6, shots=SHOTS_FEW, examples_per_category=4)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    if len(done.examples) == 2:  # unless the run was faster than the reviews
        assert sorted(done.examples) == ["projects/news/labels/L000R2", "projects/news/labels/L001R2"]
        events = await world.events(3)
        assert events[0].label.lineage.examples == done.examples
    few = await world.run(
        "r2", shots=SHOTS_FEW, example_pool=EXAMPLE_POOL_CORRECTED, scope=RUN_SCOPE_UNREVIEWED
    )
    done = await world.reaches(few.name, RUN_STATE_DONE)
    assert list(done.examples) == ["projects/news/labels/L000R2"]
    assert done.total == 3


async def test_long_texts_are_read_from_the_tenants_shelf_and_from_no_other(world, tmp_path):
    blobs = Blobs(f"file://{tmp_path}/blobs")
    text = f"{'long ' * 400} [[sport]]".encode()
    found = [await blobs.of("default").put(text), await blobs.of("other").put(text + b".")]
    await world.create_project()
    refs = [ContentRef(blob.uri, blob.sha256, blob.bytes) for blob in found]
    assets = [
        asset_to_pb(Asset(key=f"key-{n}", text_ref=ref, uid=f"A{n:06}"), "news") for n, ref in enumerate(refs)
    ]
    await world.emit(AssetsImported(project="projects/news", assets=assets))
    run = await world.run(minimum=2)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.succeeded, done.failed) == (1, 1)
    events = {event.asset.key: event for event in await world.events(2)}
    assert [a.category for a in events["key-0"].label.annotations] == ["sport"]
    assert events["key-1"].reason == "TEXT_UNREADABLE"


async def test_malformed_and_cut_replies_fail_their_item_only(world):
    good = '{"category":"art"}'
    world.stub.control(contents=[good, "I cannot say: bad text", '{"category":"bad text"}', good])
    await world.create_project()
    await world.import_texts(["good", "bad text", "also good"])
    run = await world.run(minimum=3, concurrency=1)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.succeeded, done.failed) == (2, 1)
    failed = [event for event in await world.events(3) if isinstance(event, PredictionFailed)]
    assert [(event.reason, event.asset.text) for event in failed] == [("MALFORMED_REPLY", "bad text")]
    assert failed[0].prediction_run == run.name
    listed = await world.runs.ListPredictionItems(
        ListPredictionItemsRequest(parent=run.name, state=ITEM_STATE_FAILED)
    )
    assert [(item.asset_key, item.error_reason) for item in listed.items] == [("key-1", "MALFORMED_REPLY")]
    assert "bad" not in listed.items[0].error_message
    world.stub.control(mode="cut")
    cut = await world.run("r2", scope=RUN_SCOPE_UNREVIEWED)
    assert (await world.reaches(cut.name, RUN_STATE_DONE)).failed == 3
    world.stub.control(mode="ok")
    await world.runs.ResumePredictionRun(ResumePredictionRunRequest(name=cut.name, retry_failed=True))
    done = await world.reaches(cut.name, RUN_STATE_DONE)
    assert (done.succeeded, done.failed) == (3, 0)


async def test_items_are_listed_in_import_order_page_by_page(world):
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(25)])
    run = await world.run(minimum=25)
    await world.reaches(run.name, RUN_STATE_DONE)
    keys, token = [], ""
    while True:
        request = ListPredictionItemsRequest(parent=run.name, page_size=10, page_token=token)
        page = await world.runs.ListPredictionItems(request)
        keys += [item.asset_key for item in page.items]
        token = page.next_page_token
        if not token:
            break
    assert keys == [f"key-{n}" for n in range(25)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await world.runs.ListPredictionItems(
            ListPredictionItemsRequest(parent=run.name, page_token="bm8=", state=ITEM_STATE_FAILED)
        )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_cancelled_run_keeps_what_it_has_and_can_go_on(world):
    world.stub.control(delay_ms=300)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(12)])
    run = await world.run(minimum=12, concurrency=2)
    await world.events(2)
    cancelled = (await world.runs.CancelPredictionRun(CancelPredictionRunRequest(name=run.name))).run
    assert cancelled.state == RUN_STATE_CANCELLED
    await asyncio.sleep(0.7)
    stopped = await world.get(run.name)
    assert 0 < stopped.succeeded < 12
    assert len(await world.events(stopped.succeeded)) == stopped.succeeded
    world.stub.control(delay_ms=0)
    await world.runs.ResumePredictionRun(ResumePredictionRunRequest(name=run.name))
    assert (await world.reaches(run.name, RUN_STATE_DONE)).succeeded == 12
    assert len({event.asset.key for event in await world.events(12)}) == 12


async def test_runs_share_the_endpoint(worlds):
    world = await worlds(max_concurrency=4)
    world.stub.control(delay_ms=50)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(40)])
    one = await world.run(minimum=40, concurrency=4)
    two = await world.run("r2", scope=RUN_SCOPE_UNREVIEWED, concurrency=4)
    await world.reaches(two.name, RUN_STATE_DONE)
    await world.reaches(one.name, RUN_STATE_DONE)
    assert world.stub.control()["most_open_calls"] <= 8
    assert len(await world.events(80)) == 80


@pytest.mark.parametrize("mode", ["401", "404"])
async def test_an_endpoint_that_refuses_pauses_the_run(world, mode):
    world.stub.control(mode=mode)
    await world.create_project()
    await world.import_texts(["one", "two"])
    run = await world.run(minimum=2)
    paused = await world.reaches(run.name, RUN_STATE_PAUSED)
    reason = {"401": "KEY_REFUSED", "404": "MODEL_MISSING"}[mode]
    assert paused.pause_reason.startswith(f"{reason}: ")
    assert (paused.succeeded, paused.failed) == (0, 0)
    world.stub.control(mode="ok")
    await world.runs.ResumePredictionRun(ResumePredictionRunRequest(name=run.name))
    assert (await world.reaches(run.name, RUN_STATE_DONE)).succeeded == 2


@pytest.mark.parametrize("mode", ["500", "hang", "down"])
async def test_an_endpoint_that_is_away_pauses_the_run_and_loses_nothing(worlds, mode):
    world = await worlds(request_timeout_seconds=0.5)
    if mode == "down":
        world.stub.kill()
    else:
        world.stub.control(mode=mode)
    await world.create_project()
    await world.import_texts(["one", "two"])
    run = await world.run(minimum=2)
    paused = await world.reaches(run.name, RUN_STATE_PAUSED)
    assert paused.pause_reason.startswith("ENDPOINT_UNAVAILABLE: ")
    assert (paused.succeeded, paused.failed) == (0, 0)
    if mode == "down":
        world.stub.start()
    world.stub.control(mode="ok")
    await world.runs.ResumePredictionRun(ResumePredictionRunRequest(name=run.name))
    assert (await world.reaches(run.name, RUN_STATE_DONE)).succeeded == 2


async def test_retry_after_is_honoured(worlds):
    world = await worlds(tries=5)
    world.stub.control(mode="429", calls=3, retry_after=1)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(10)])
    run = await world.run(minimum=10, concurrency=2)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.succeeded, done.failed) == (10, 0)
    assert world.stub.control()["failed"] == 3


async def test_some_errors_among_answers_do_not_stop_a_run(world):
    world.stub.control(mode="500", every=3)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(60)])
    run = await world.run(minimum=60, concurrency=8)
    done = await world.reaches(run.name, RUN_STATE_DONE)
    assert (done.succeeded, done.failed) == (60, 0)
