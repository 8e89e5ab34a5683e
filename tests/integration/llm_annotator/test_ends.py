"""Runs through the end of a process, wanted or not."""

import asyncio

import pytest

from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.annotator.v1.prediction_run_service_pb2 import RUN_STATE_DONE, RUN_STATE_RUNNING


async def test_a_killed_service_loses_only_calls_under_way(world):
    world.stub.control(delay_ms=100)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(200)])
    run = await world.run(minimum=200, concurrency=16)
    for wanted in (40, 100):
        await world.events(wanted)
        world.service.kill()
        world.service.start()
    await asyncio.wait_for(world.channel.channel_ready(), 40)
    done = await world.reaches(run.name, RUN_STATE_DONE, 90)
    assert (done.total, done.succeeded, done.failed) == (200, 200, 0)
    events = await world.events(200)
    assert sorted(event.asset.key for event in events) == sorted(f"key-{n}" for n in range(200))
    assert all(isinstance(event, PredictionCreated) for event in events)


async def test_it_ends_in_good_order(world):
    world.stub.control(delay_ms=200)
    await world.create_project()
    await world.import_texts([f"text {n}" for n in range(40)])
    run = await world.run(minimum=40, concurrency=4)
    await world.events(4)
    assert await asyncio.to_thread(world.service.terminate) == 0
    world.service.start()
    await asyncio.wait_for(world.channel.channel_ready(), 40)
    assert (await world.get(run.name)).state in (RUN_STATE_RUNNING, RUN_STATE_DONE)
    assert (await world.reaches(run.name, RUN_STATE_DONE)).succeeded == 40
    assert len(await world.events(40)) == 40


async def test_another_replica_takes_over_from_a_dead_one(worlds, database_url):
    if database_url.startswith("sqlite"):
        pytest.skip("an SQLite file has one process")
    one, two = await worlds(), await worlds()
    one.stub.control(delay_ms=300)
    await one.create_project()
    await one.import_texts([f"text {n}" for n in range(120)])
    run = await one.run(minimum=120, concurrency=4)
    await one.events(10)
    one.service.kill()
    one.stub.control(delay_ms=20)
    done = await two.reaches(run.name, RUN_STATE_DONE, 90)
    assert (done.total, done.succeeded, done.failed) == (120, 120, 0)
    events = await two.events(120)
    assert sorted(event.asset.key for event in events) == sorted(f"key-{n}" for n in range(120))
