"""Runs that a caller asks for, and what survives a restart."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import grpc
import pytest
from sqlalchemy import text

from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.review.v1.project_service_pb2 import PreAnnotation
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as pb
from labels.label import Box, Polygon
from labels.proto import label_from_pb

ON_DEMAND = PreAnnotation.PRE_ANNOTATION_ON_DEMAND
CODE = grpc.StatusCode
TWIN = Path(__file__).with_name("twin.py")


@pytest.fixture
async def project(world) -> None:
    """A project whose pictures wait for somebody to ask."""
    await world.project(ON_DEMAND)
    await world.publish(world.assets(["p1", "p2", "p3"]))
    await world.handled()


async def test_a_run_covers_what_nobody_has_reviewed(world, project: None) -> None:
    await world.review("p2")
    await world.handled()
    run = await world.create(tool="ring")
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded, run.masks) == (2, 2, 4)
    assert (run.config.tool, run.config.category, run.config.min_area_px) == ("ring", "pond", 100)
    events = await world.events(2)
    assert [event.asset.key for event in sorted(events, key=lambda event: event.asset.key)] == ["p1", "p3"]
    values = [annotation.value for annotation in label_from_pb(events[0].label).annotations]
    assert all(isinstance(value, Polygon) for value in values)


async def test_a_run_over_boxes_covers_the_pictures_that_have_some(world, project: None) -> None:
    await world.submit("p3", [("car", Box(4, 4, 20, 20)), ("sky", Box(4, 4, 9, 9))], "L3")
    await world.submit("p2", [("sky", Box(4, 4, 20, 20))], "L2")
    await world.handled()
    run = await world.create(mode=pb.SEGMENTATION_MODE_BOXES)
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded, run.failed) == (2, 1, 1)
    assert list((await world.failures(run.name)).values()) == ["NOTHING_TO_SEGMENT"]
    other = await world.create("r2", mode=pb.SEGMENTATION_MODE_BOXES, category="roof")
    other = await world.reaches(other.name)
    assert (other.succeeded, other.masks) == (2, 3)


async def test_boxes_that_are_gone_are_not_asked_for(world, project: None) -> None:
    await world.submit("p3", [("car", Box(4, 4, 20, 20))], "L3")
    await world.submit("p3", [], "L4")
    await world.handled()
    run = await world.create(mode=pb.SEGMENTATION_MODE_BOXES)
    assert (run.total, run.state) == (0, pb.SEGMENTATION_RUN_STATE_DONE)


async def test_the_same_request_again_returns_the_first_run(world, project: None, refused) -> None:
    first = await world.create("r1")
    assert (await world.create("r1")).name == first.name
    assert await refused(world.create("r1", points_per_side=8)) is CODE.ALREADY_EXISTS
    assert (await world.create("r2", points_per_side=8)).name != first.name
    assert [run.name for run in await world.runs()][1] == first.name


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"tool": "box"}, CODE.FAILED_PRECONDITION),
        ({"tool": "outline", "category": "pond"}, CODE.FAILED_PRECONDITION),
        ({"points_per_side": 65}, CODE.INVALID_ARGUMENT),
        ({"min_area_px": -1}, CODE.INVALID_ARGUMENT),
        ({"mode": 7}, CODE.INVALID_ARGUMENT),
        ({"minimum": 4}, CODE.FAILED_PRECONDITION),
        ({"minimum": -1}, CODE.INVALID_ARGUMENT),
        ({"request_id": ""}, CODE.INVALID_ARGUMENT),
        ({"request_id": "x" * 65}, CODE.INVALID_ARGUMENT),
    ],
)
async def test_a_run_that_cannot_be_is_refused(world, project: None, refused, config, code) -> None:
    assert await refused(world.create(**config)) is code
    assert await world.runs() == []


async def test_another_tenant_finds_neither_the_project_nor_its_runs(stopped_world, refused) -> None:
    world = stopped_world
    await world.start()
    await world.project(ON_DEMAND, tenant="other")
    await world.publish(world.assets(["p1"]))
    await world.handled()
    assert await refused(world.create()) is CODE.NOT_FOUND
    assert await refused(world.runs()) is CODE.NOT_FOUND
    assert await refused(world.get("projects/street/predictionRuns/01J0")) is CODE.NOT_FOUND


async def test_a_cancelled_run_goes_on_where_it_stopped(world, project: None, refused, eventually) -> None:
    world.painter.gate.clear()
    run = await world.create()

    async def two_under_way() -> bool:
        return len(world.painter.calls) == 2

    await eventually(two_under_way)
    cancel = pb.CancelSegmentationRunRequest(name=run.name)
    stopped = (await world.stub.CancelSegmentationRun(cancel)).run
    assert stopped.state == pb.SEGMENTATION_RUN_STATE_CANCELLED
    world.painter.gate.set()
    await world.events(2)
    assert len(world.painter.calls) == 2
    assert (await world.get(run.name)).succeeded == 2
    resume = pb.ResumeSegmentationRunRequest(name=run.name)
    assert (await world.stub.ResumeSegmentationRun(resume)).run.state == pb.SEGMENTATION_RUN_STATE_RUNNING
    done = await world.reaches(run.name)
    assert (done.total, done.succeeded) == (3, 3)
    assert len(await world.events(3)) == 3
    assert await refused(world.stub.CancelSegmentationRun(cancel)) is CODE.FAILED_PRECONDITION
    assert await refused(world.stub.ResumeSegmentationRun(resume)) is CODE.FAILED_PRECONDITION


async def test_runs_and_failures_come_in_pages(world, project: None) -> None:
    world.painter.nothing = {f"blob:sha256/{key.hex():0>64}" for key in (b"p1", b"p2", b"p3")}
    names = [(await world.create(f"r{n}")).name for n in range(3)]
    await world.reaches(names[0])
    listed, token = [], ""
    while True:
        request = pb.ListSegmentationRunsRequest(parent="projects/street", page_size=2, page_token=token)
        answer = await world.stub.ListSegmentationRuns(request)
        listed += [run.name for run in answer.runs]
        token = answer.next_page_token
        if not token:
            break
    assert listed == names[::-1]
    first = pb.ListSegmentationFailuresRequest(name=names[0], page_size=2)
    answer = await world.stub.ListSegmentationFailures(first)
    second = pb.ListSegmentationFailuresRequest(name=names[0], page_size=2, page_token=answer.next_page_token)
    rest = await world.stub.ListSegmentationFailures(second)
    found = [failure.asset[-2:] for failure in (*answer.failures, *rest.failures)]
    assert (found, rest.next_page_token) == (["p1", "p2", "p3"], "")


async def test_a_stopped_service_gives_back_what_it_held_and_goes_on_at_once(
    world, project: None, eventually
) -> None:
    world.painter.gate.clear()
    run = await world.create()

    async def two_under_way() -> bool:
        return len(world.painter.calls) == 2

    await eventually(two_under_way)
    await world.stop()
    world.painter.gate.set()
    await world.start()
    done = await world.reaches(run.name)
    assert (done.total, done.succeeded) == (3, 3)
    assert len(await world.events(3)) == 3
    async with world.db.read() as conn:
        assert set(await conn.scalars(text("SELECT tries FROM items"))) == {1}


async def test_killed_processes_lose_nothing_and_double_nothing(
    stopped_world, database_url: str, broker, tmp_path: Path
) -> None:
    world = stopped_world
    pictures = [f"p{n}" for n in range(40)]
    await world.project()
    await world.publish(world.assets(pictures))
    # On PostgreSQL another process might be at work on what this one finds held, until the lease ends.
    lease = "1" if database_url.startswith("postgresql") else "3600"
    arguments = [sys.executable, str(TWIN), broker.url, database_url, lease]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LABELMESH_")}
    for reached in (4, 12, 25, 40):
        with (tmp_path / "twin.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(*arguments, env=env, stdout=log, stderr=log)
        await world.events(reached)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    # What was committed but not yet published goes out now.
    await world.start()
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    events = await world.events(40)
    assert sorted(event.asset.key for event in events) == sorted(pictures)
    assert all(isinstance(event, PredictionCreated) for event in events)
    assert (run.total, run.succeeded, run.failed) == (40, 40, 0)


async def test_a_picture_that_kills_the_process_again_and_again_is_given_up(world, project: None) -> None:
    world.painter.gate.clear()
    run = await world.create()
    await world.stop()
    await world.start()
    async with world.db.begin() as conn:
        await conn.execute(text("UPDATE items SET tries = 5, claimed_by = '', claim_until_us = 0"))
    world.painter.gate.set()
    done = await world.reaches(run.name)
    assert done.failed >= 1
    assert set((await world.failures(run.name)).values()) == {"PICTURE_TOO_HARD"}
