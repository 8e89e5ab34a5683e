"""A worker whose database fills up: results wait, nothing is lost and nothing is stored twice."""

import asyncio

import pytest
from sqlalchemy import text

from chassis import db, migrate
from chassis.blobs import Blobs
from chassis.event import Event
from chassis.ids import new_uid
from labelmesh.review.v1.project_service_pb2 import Project
from labelmesh.review.v1.review_events_pb2 import AssetsImported, ProjectChanged
from labels.asset import Asset
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_to_pb, ontology_to_pb
from llm_annotator import items, llm, plans, projects, runs
from llm_annotator.annotator import Annotator
from llm_annotator.consumer import AnnotatorConsumer
from llm_annotator.patience import Patience, PatientModel
from llm_annotator.run import RunConfig, RunState
from llm_annotator.worker import Limits, Worker

TOPIC = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"), Category("art"))),), revision=1)
COUNT = 60


@pytest.fixture
async def database(tmp_path):
    async with db.connect(f"sqlite:///{tmp_path}/test.db") as opened:
        await migrate.upgrade(opened, "llm_annotator")
        yield opened


@pytest.fixture
async def worker(database, stub_model, tmp_path):
    async with llm.connect(
        base_url=f"{stub_model.url}/v1", api_key="", model="stub", timeout_seconds=30, connections=8
    ) as model:
        patient = PatientModel(model, Patience())
        yield Worker(
            database,
            Blobs(f"file:{tmp_path}/blobs"),
            Annotator(patient, 32_000),
            patient,
            Limits(8, 8),
            uid=new_uid(),
            plan=lambda job: plans.of_job(job, 500),
        )


def event(message):
    return Event(message, "P", new_uid(), 0, 1, "")


async def project_known(conn, consumer):
    project = Project(name="projects/news", uid="P", ontology=ontology_to_pb(TOPIC), instruction="Do it.")
    await consumer.on_project_changed(conn, [event(ProjectChanged(tenant="t", project=project))])


async def texts_come(conn, consumer):
    texts = [
        asset_to_pb(Asset(f"k{n}", text=f"text {n} " * 40, uid=f"A{n:03}"), "news") for n in range(COUNT)
    ]
    await consumer.on_assets_imported(conn, [event(AssetsImported(project="projects/news", assets=texts))])


async def ask(conn, minimum=0):
    found = await projects.by_id(conn, "t", "news")
    return await runs.create(conn, found, RunConfig(), minimum, "r1", "stub")


async def start_run(database, consumer):
    async with database.begin() as conn:
        await project_known(conn, consumer)
        await texts_come(conn, consumer)
        return await ask(conn)


async def test_a_full_disk_holds_results_back_and_loses_none(database, worker, tmp_path):
    consumer = AnnotatorConsumer(Blobs(f"file:{tmp_path}/blobs"), "stub", worker.wake)
    run = await start_run(database, consumer)
    async with database.begin() as conn:
        pages = await conn.scalar(text("PRAGMA page_count"))
        await conn.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    async with worker:
        await asyncio.sleep(3)
        async with database.read() as conn:
            stuck = await runs.get(conn, "P", run.uid)
        assert stuck.succeeded < COUNT
        assert (stuck.state, stuck.failed) == (RunState.RUNNING, 0)
        async with database.begin() as conn:
            await conn.execute(text("PRAGMA max_page_count = 1073741823"))
        for _ in range(400):
            async with database.read() as conn:
                done = await runs.get(conn, "P", run.uid)
            if done.state is RunState.DONE:
                break
            await asyncio.sleep(0.05)
    assert (done.state, done.succeeded, done.failed) == (RunState.DONE, COUNT, 0)
    async with database.read() as conn:
        ids = (await conn.execute(text("SELECT msg_id FROM outbox"))).scalars().all()
        left = await items.page(conn, "P", run.uid, None, 1_000, None)
    assert sorted(ids) == [f"created:{run.uid}:A{n:03}" for n in range(COUNT)]
    assert len(left) == COUNT


async def test_texts_that_come_while_a_run_is_asked_for_start_it(database_url, tmp_path):
    consumer = AnnotatorConsumer(Blobs(f"file:{tmp_path}/blobs"), "stub", lambda: None)
    async with db.connect(database_url) as opened:
        await migrate.upgrade(opened, "llm_annotator")
        async with opened.begin() as conn:
            await project_known(conn, consumer)

        async def asking():
            async with opened.begin() as conn:
                return await ask(conn, COUNT)

        async with opened.begin() as conn:
            await projects.locked(conn, "P")
            task = asyncio.create_task(asking())
            # Long enough for it to read the project and to wait for its row, or on SQLite for its turn.
            await asyncio.sleep(0.5)
            await texts_come(conn, consumer)
        run = await task
    assert (run.state, run.total) == (RunState.RUNNING, COUNT)
