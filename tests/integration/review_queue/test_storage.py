"""A disk that is full: a clear refusal, nothing half written, and on it goes when there is room."""

from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from sqlalchemy import text

from chassis.errors import StorageFull
from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Only SQLite lets a test bound its file; its error is the one that a full disk gives."""
    return f"sqlite:///{tmp_path}/review.db"


async def allow_pages(house: Any, more: int | None) -> None:
    """Bound the database file to its size and some pages, or not at all."""
    async with house.db.begin() as conn:
        pages = (await conn.execute(text("PRAGMA page_count"))).scalar_one()
        most = 1 << 30 if more is None else pages + more
        await conn.execute(text(f"PRAGMA max_page_count = {most}"))


async def test_a_full_disk_refuses_and_loses_nothing(house: Any, refused: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(50)))
    await house.deliver(project, *map(house.prediction, assets[:40]))
    (lease,) = await house.lease()
    await allow_pages(house, 0)
    before = await house.contents()

    rows = [
        asset_service_pb2.ImportRow(line=i, asset=asset_pb2.Asset(key=f"new{i}", text="x" * 4_000))
        for i in range(400)
    ]
    with refused(StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"):
        await house.send_rows(rows)
    events = [house.prediction(asset, run="01" + "R" * 60) for asset in assets]
    with pytest.raises(StorageFull):
        await house.deliver(project, *events)
    with refused(StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"):
        reason = "x" * 2_000
        for i in range(200):
            await house.submit(lease, "REJECT", reason=reason, request_id=f"r{i}")
            (lease,) = await house.lease()
    after = await house.contents()
    assert after["assets"] == before["assets"]
    assert len(after["labels"]) == len(before["labels"])
    assert len(after["reviews"]) == len(after["outbox"]) - len(before["outbox"])

    await allow_pages(house, None)
    await house.submit(lease, "ACCEPT")
    responses = await house.send_rows(rows)
    assert sum(response.imported for response in responses) == 400
