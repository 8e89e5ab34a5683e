"""Importing: batches, duplicates, long texts, pictures, and rows that are refused one by one."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from grpc import StatusCode

from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2 as pb2
from labelmesh.review.v1 import label_service_pb2
from labelmesh.review.v1.review_events_pb2 import AssetsImported


def row(line: int, **asset: Any) -> pb2.ImportRow:
    return pb2.ImportRow(line=line, asset=asset_pb2.Asset(**asset))


async def upload(house: Any, *chunks: bytes) -> asset_pb2.ContentRef:
    requests = [pb2.UploadContentRequest(parent="projects/news", chunk=chunk) for chunk in chunks]
    return (await house.assets.UploadContent(iter(requests), metadata=house.ann)).content


async def test_bad_rows_are_named_and_the_others_stored(house: Any) -> None:
    await house.project()
    missing = asset_pb2.ContentRef(uri=f"blob:sha256/{'0' * 64}", sha256="0" * 64, size_bytes=3)
    foreign = asset_pb2.ContentRef(uri="file:///etc/passwd", sha256="0" * 64, size_bytes=3)
    responses = await house.send_rows(
        [
            row(1, key="good", text="A good text."),
            row(2, key="empty", text=""),
            row(3, key="blank", text=" \n\t "),
            row(4, key="long", text="x" * ((1 << 20) + 1)),
            row(5, key="nothing"),
            row(6, key="", text="No key."),
            row(7, key="k" * 257, text="Long key."),
            row(8, key="picture", image_ref=missing, width_px=10, height_px=10),
            row(9, key="elsewhere", image_ref=foreign, width_px=10, height_px=10),
            row(10, key="flat", image_ref=missing, width_px=10),
            row(11, key="chatty", text="x", context={"a": "b" * 9_000}),
            row(12, key="good", text="Another text."),
            row(13, key="good", text="A good text."),
            row(14, key="also good", text="Ünïcödé 👩‍👩‍👧"),
        ]
    )
    errors = {error.line: error.reason for response in responses for error in response.errors}
    assert errors == {
        2: "TEXT_EMPTY",
        3: "TEXT_EMPTY",
        4: "TEXT_TOO_LONG",
        5: "CONTENT_MISSING",
        6: "KEY_INVALID",
        7: "KEY_INVALID",
        8: "BLOB_MISSING",
        9: "BLOB_URI_REFUSED",
        10: "PICTURE_SIZE_INVALID",
        11: "CONTEXT_TOO_LARGE",
        12: "KEY_TAKEN",
    }
    assert sum(r.imported for r in responses) == 2
    assert sum(r.skipped for r in responses) == 1
    assert responses[-1].project_asset_count == 2
    assert all(error.message.endswith(".") for response in responses for error in response.errors)


async def test_importing_again_skips_what_is_there(house: Any) -> None:
    await house.project()
    rows = [row(i + 1, key=f"k{i}", text=f"text {i}", context={"source": "a"}) for i in range(700)]
    first = await house.send_rows(rows)
    assert (sum(r.imported for r in first), len(first)) == (700, 2)
    before = await house.contents()
    again = await house.send_rows(rows)
    assert (sum(r.imported for r in again), sum(r.skipped for r in again)) == (0, 700)
    assert await house.contents() == before
    rows[5].asset.context["source"] = "b"
    changed = await house.send_rows(rows[5:6])
    assert [e.reason for e in changed[0].errors] == ["KEY_TAKEN"]


async def test_validating_stores_nothing(house: Any) -> None:
    await house.project()
    before = await house.contents()
    rows = [row(1, key="a", text="fine"), row(2, key="b", text=""), row(3, key="c", text="x" * 20_000)]
    (response,) = await house.send_rows(rows, validate_only=True)
    assert (response.imported, [e.line for e in response.errors], response.project_asset_count) == (2, [2], 0)
    assert await house.contents() == before


async def test_events_stay_small(house: Any) -> None:
    await house.project()
    await house.import_texts(*("x" * 9_000 + str(i) for i in range(60)), *(f"short {i}" for i in range(250)))
    events = await house.emitted(AssetsImported)
    assert sum(len(event.assets) for event in events) == 310
    assert max(len(event.assets) for event in events) <= 100
    assert max(event.ByteSize() for event in events) < 60 << 10


async def test_a_long_text_travels_by_reference_and_is_shown_in_full(house: Any) -> None:
    await house.project(mode="NONE")
    text = "Ж" * 9_000
    (asset,) = await house.import_texts(text)
    assert asset.text_ref.sha256 == asset.content_sha256 == hashlib.sha256(text.encode()).hexdigest()
    (event,) = await house.emitted(AssetsImported)
    assert event.assets[0].text_ref.size_bytes == 18_000
    (lease,) = await house.lease()
    assert lease.task.asset.text == text
    request = label_service_pb2.ExportLabelsRequest(parent="projects/news", include_unreviewed=True)
    items = [item async for item in house.labels.ExportLabels(request, metadata=house.ann)]
    assert items[0].asset.text == text


async def test_uploaded_content(house: Any, refused: Any) -> None:
    await house.project()
    data = [b"not really ", b"a picture"]
    ref = await upload(house, *data)
    assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(b"".join(data)).hexdigest(), 20)
    (response,) = await house.send_rows([row(1, key="p", image_ref=ref, width_px=640, height_px=480)])
    assert response.imported == 1
    ref.size_bytes = 21
    (response,) = await house.send_rows([row(2, key="q", image_ref=ref, width_px=640, height_px=480)])
    assert [e.reason for e in response.errors] == ["CONTENT_REF_INVALID"]
    text = await upload(house, "Grüße".encode())
    latin = await upload(house, "Grüße".encode("latin-1"))
    (response,) = await house.send_rows([row(3, key="t", text_ref=text), row(4, key="l", text_ref=latin)])
    assert (response.imported, [e.reason for e in response.errors]) == (1, ["TEXT_NOT_UTF8"])
    with refused(StatusCode.INVALID_ARGUMENT, "CONTENT_EMPTY"):
        await upload(house, b"")
    with refused(StatusCode.INVALID_ARGUMENT, "CHUNK_TOO_LARGE"):
        await upload(house, bytes((1 << 20) + 1))


async def test_knowing_the_checksum_of_another_tenants_content_gives_nothing(house: Any) -> None:
    """Eve learned the checksums of what Ann uploaded: to her they are as good as invented ones."""
    await house.project()
    await house.project(actor="eve")
    theirs = await upload(house, b"a text of Ann's")
    nobodys = asset_pb2.ContentRef(
        uri=f"blob:sha256/{'0' * 64}", sha256="0" * 64, size_bytes=theirs.size_bytes
    )
    rows = [
        row(1, key="text", text_ref=theirs),
        row(2, key="picture", image_ref=theirs, width_px=640, height_px=480),
        row(3, key="no text", text_ref=nobodys),
        row(4, key="no picture", image_ref=nobodys, width_px=640, height_px=480),
    ]
    for validate_only in (True, False):
        (response,) = await house.send_rows(rows, validate_only=validate_only, actor="eve")
        assert response.imported == 0
        assert [error.line for error in response.errors] == [1, 2, 3, 4]
        assert {(error.reason, error.message) for error in response.errors} == {
            ("BLOB_MISSING", "The content is not in the blob store.")
        }
    (response,) = await house.send_rows(rows[:1])
    assert response.imported == 1


async def test_an_upload_has_an_end(house: Any, refused: Any) -> None:
    await house.project()
    with refused(StatusCode.INVALID_ARGUMENT, "BLOB_TOO_LARGE"):
        await upload(house, *[bytes(1 << 20)] * 65)


async def test_streams_need_a_project(house: Any, refused: Any) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "PARENT_MISSING"):
        await house.send_rows([row(1, key="a", text="b")], parent="")
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await house.send_rows([row(1, key="a", text="b")])
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await upload(house, b"x")
    await house.project()
    with refused(StatusCode.INVALID_ARGUMENT, "TOO_MANY_ROWS"):
        await house.send_rows([row(i, key=f"k{i}", text="t") for i in range(1_001)], per_message=1_001)


async def test_a_client_that_waits_for_each_answer_is_not_left_waiting(house: Any) -> None:
    await house.project()
    answered = asyncio.Event()

    async def messages() -> AsyncIterator[pb2.ImportAssetsRequest]:
        for i in range(3):
            yield pb2.ImportAssetsRequest(parent="projects/news", rows=[row(i, key=f"k{i}", text="t")])
            await answered.wait()
            answered.clear()

    counts = []
    async for response in house.assets.ImportAssets(messages(), metadata=house.ann):
        counts.append(response.project_asset_count)
        answered.set()
    assert counts == [1, 2, 3]


async def test_concurrent_imports_of_the_same_rows_store_them_once(house: Any) -> None:
    await house.project()
    rows = [row(i + 1, key=f"k{i}", text=f"text {i}") for i in range(300)]
    results = await asyncio.gather(*(house.send_rows(rows) for _ in range(4)))
    assert sum(r.imported for responses in results for r in responses) == 300
    assert sum(r.skipped for responses in results for r in responses) == 900
    assets = await house.import_texts()
    assert [a.key for a in assets] == [f"k{i}" for i in range(300)]


async def test_a_refusal_reaches_a_client_that_is_still_sending(house: Any, refused: Any) -> None:
    await house.project()
    rows = [row(i, key=f"k{i}", text="x" * 1_000) for i in range(3_000)]
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await house.send_rows(rows, parent="projects/nowhere")
    with refused(StatusCode.INVALID_ARGUMENT, "TOO_MANY_ROWS"):
        await house.send_rows(rows, per_message=1_001)
