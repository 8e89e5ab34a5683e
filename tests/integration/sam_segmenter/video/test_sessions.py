"""VideoService's sessions, cursors and refusals, over a real server and with the real small model."""

import io

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from PIL import Image

from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import segmenter_service_pb2
from labelmesh.segmenter.v1 import video_service_pb2 as pb
from labels import rle

VASE, BEAR = 0, 7
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def box(x: float, y: float, width: float, height: float) -> segmenter_service_pb2.ObjectPrompt:
    return segmenter_service_pb2.ObjectPrompt(
        box=label_pb2.Box(x_px=x, y_px=y, width_px=width, height_px=height)
    )


def drawn(height: int, width: int) -> segmenter_service_pb2.ObjectPrompt:
    mask = rle.encode(np.ones((height, width), dtype=bool))
    return segmenter_service_pb2.ObjectPrompt(
        mask=label_pb2.Mask(height_px=height, width_px=width, counts=mask.counts)
    )


SOMETHING = box(200, 100, 100, 100)


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(caught.value).details[0].Unpack(info)
    return caught.value.code(), info.reason


def prompt(session: pb.VideoSession, **wanted) -> pb.AddPromptRequest:
    return pb.AddPromptRequest(**({"name": session.name, "object_id": 1, "prompt": SOMETHING} | wanted))


@pytest.fixture
def short(film, things):
    """Two things that pass each other in eight frames."""
    return film(
        8,
        (things[VASE], lambda number: (0.25 + 0.02 * number, 0.4)),
        (things[BEAR], lambda number: (0.8 - 0.02 * number, 0.6)),
    )


async def prompted(served, session: pb.VideoSession, film) -> None:
    for thing in (0, 1):
        wanted = prompt(session, object_id=thing + 1, prompt=box(*film.box(thing, 0)))
        await served.call("AddPrompt", wanted)
    # Further on, and in the cursor, too.
    await served.call("AddPrompt", prompt(session, frame=6, object_id=2, prompt=box(*film.box(1, 6))))


async def test_another_process_goes_on_from_a_cursor_with_the_same_masks(video_bench, short) -> None:
    async with video_bench() as one:
        session = await one.open(short.file())
        await prompted(one, session, short)
        whole = await one.propagate(name=session.name)
    async with video_bench() as other:
        again = await other.open(short.file())
        rest = await other.propagate(name=again.name, cursor=whole[2].cursor)
        assert [answer.frame for answer in rest] == [3, 4, 5, 6, 7]
        assert [[*answer.masks] for answer in rest] == [[*answer.masks] for answer in whole[3:]]
        assert [answer.cursor for answer in rest] == [answer.cursor for answer in whole[3:]]
        assert await other.propagate(name=again.name, cursor=whole[-1].cursor) == []
        found = await other.call("GetVideoSession", pb.GetVideoSessionRequest(name=again.name))
        assert [*found.session.object_ids] == [1, 2]


async def test_what_was_said_after_a_cursor_counts(served, short) -> None:
    session = await served.open(short.file())
    await served.call("AddPrompt", prompt(session, prompt=box(*short.box(0, 0))))
    first = await served.propagate(name=session.name, max_frames=3)
    # A correction on a frame that was passed, and an object that is new there.
    await served.call("AddPrompt", prompt(session, frame=1, prompt=box(*short.box(1, 1))))
    await served.call("AddPrompt", prompt(session, frame=1, object_id=2, prompt=box(*short.box(0, 1))))
    after = await served.propagate(name=session.name, cursor=first[-1].cursor, max_frames=2)
    anew = await served.propagate(name=session.name, start_frame=3, max_frames=2)
    assert [[mask.object_id for mask in answer.masks] for answer in after] == [[1, 2], [1, 2]]
    assert [[*answer.masks] for answer in after] == [[*answer.masks] for answer in anew]


async def test_nothing_of_a_session_is_found_by_another_tenant(served, short) -> None:
    session = await served.open(short.file())
    await served.call("AddPrompt", prompt(session))
    for verb, request in (
        ("GetVideoSession", pb.GetVideoSessionRequest(name=session.name)),
        ("AddPrompt", prompt(session)),
        ("RemoveObject", pb.RemoveObjectRequest(name=session.name, object_id=1)),
        ("DeleteVideoSession", pb.DeleteVideoSessionRequest(name=session.name)),
    ):
        assert await refused(served.call(verb, request, "beta")) == (NOT_FOUND, "SESSION_NOT_FOUND")
    stream = served.propagate("beta", name=session.name)
    assert await refused(stream) == (NOT_FOUND, "SESSION_NOT_FOUND")
    # The other's file is not there either, although its checksum is known.
    source = pb.CreateVideoSessionRequest(video=await served.put(short.file()))
    opening = served.call("CreateVideoSession", source, "beta")
    assert await refused(opening) == (NOT_FOUND, "IMAGE_NOT_FOUND")
    assert (await served.propagate(name=session.name, max_frames=1))[0].masks


async def test_a_deleted_session_is_gone_and_ends_what_runs_on_it(served, short) -> None:
    session = await served.open(short.file())
    await served.call("AddPrompt", prompt(session))
    gone = pb.DeleteVideoSessionRequest(name=session.name)
    metadata = (("authorization", "Bearer alpha-token"),)
    stream = served.stub.Propagate(pb.PropagateRequest(name=session.name), metadata=metadata)
    assert (await anext(aiter(stream))).frame == 0
    await served.call("DeleteVideoSession", gone)
    assert await refused(_read(stream)) == (NOT_FOUND, "SESSION_NOT_FOUND")
    assert await refused(served.call("DeleteVideoSession", gone)) == (NOT_FOUND, "SESSION_NOT_FOUND")


async def _read(stream) -> None:
    async for _ in stream:
        pass


async def test_a_tenant_with_too_many_sessions_loses_the_one_that_it_used_least_recently(
    video_bench, short
) -> None:
    async with video_bench(tenant_video_sessions=2) as served:
        first, second = [await served.open(short.file()) for _ in range(2)]
        other = await served.open(short.file(), "beta")
        await served.call("GetVideoSession", pb.GetVideoSessionRequest(name=first.name))
        await served.open(short.file())
        kept = await served.call("GetVideoSession", pb.GetVideoSessionRequest(name=first.name))
        assert kept.session.expire_time_us >= first.expire_time_us
        lost = served.call("GetVideoSession", pb.GetVideoSessionRequest(name=second.name))
        assert await refused(lost) == (NOT_FOUND, "SESSION_NOT_FOUND")
        assert await served.call("GetVideoSession", pb.GetVideoSessionRequest(name=other.name), "beta")


async def test_a_full_process_refuses_another_tenant_and_keeps_what_is_open(video_bench, short) -> None:
    async with video_bench(video_sessions=1) as served:
        session = await served.open(short.file())
        source = pb.CreateVideoSessionRequest(video=await served.put(short.file(), "beta"))
        opening = served.call("CreateVideoSession", source, "beta")
        assert await refused(opening) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SESSIONS_FULL")
        assert await served.call("GetVideoSession", pb.GetVideoSessionRequest(name=session.name))


BAD_PROMPTS = [
    ({"frame": 8}, "FRAME_OUTSIDE"),
    ({"frame": -1}, "FRAME_OUTSIDE"),
    ({"object_id": 0}, "OBJECT_ID_INVALID"),
    ({"object_id": 1_000_001}, "OBJECT_ID_INVALID"),
    ({"prompt": segmenter_service_pb2.ObjectPrompt()}, "PROMPT_EMPTY"),
    ({"prompt": segmenter_service_pb2.ObjectPrompt(logits="x")}, "OPTION_INVALID"),
    ({"prompt": box(500, 10, 10, 10)}, "BOX_INVALID"),
    ({"prompt": drawn(8, 8)}, "MASK_SIZE_INVALID"),
]
BAD_PROPAGATIONS = [
    ({}, "NOTHING_PROMPTED"),
    ({"start_frame": 8}, "FRAME_OUTSIDE"),
    ({"start_frame": -1}, "FRAME_OUTSIDE"),
    ({"max_frames": -1}, "OPTION_INVALID"),
    ({"direction": 7}, "OPTION_INVALID"),
    ({"cursor": b"V1"}, "CURSOR_INVALID"),
    ({"cursor": bytes(2 << 20)}, "CURSOR_INVALID"),
]


async def test_a_prompt_that_cannot_be_is_refused_and_leaves_no_object(served, short) -> None:
    session = await served.open(short.file())
    for wanted, reason in BAD_PROMPTS:
        assert await refused(served.call("AddPrompt", prompt(session, **wanted))) == (INVALID, reason)
    found = await served.call("GetVideoSession", pb.GetVideoSessionRequest(name=session.name))
    assert not found.session.object_ids


async def test_a_propagation_that_cannot_be_is_refused(served, short) -> None:
    session = await served.open(short.file())
    for wanted, reason in BAD_PROPAGATIONS:
        assert await refused(served.propagate(name=session.name, **wanted)) == (INVALID, reason)


async def test_a_cursor_of_another_film_is_refused(served, film, things, short) -> None:
    session = await served.open(short.file())
    await served.call("AddPrompt", prompt(session))
    (answer,) = await served.propagate(name=session.name, max_frames=1)
    other = await served.open(film(8, (things[VASE], lambda _: (0.5, 0.5))).file())
    refusal = refused(served.propagate(name=other.name, cursor=answer.cursor))
    assert await refusal == (INVALID, "CURSOR_INVALID")


async def test_an_object_that_was_never_prompted_cannot_be_removed(served, short) -> None:
    session = await served.open(short.file())
    removal = served.call("RemoveObject", pb.RemoveObjectRequest(name=session.name, object_id=5))
    assert await refused(removal) == (NOT_FOUND, "OBJECT_NOT_FOUND")


async def test_files_that_are_no_videos_are_refused(served, short) -> None:
    good = short.file()
    for data in (b"hello", short.pictures()[0], good[: len(good) // 2], good[:32]):
        source = pb.CreateVideoSessionRequest(video=await served.put(data))
        assert await refused(served.call("CreateVideoSession", source)) == (INVALID, "VIDEO_UNREADABLE")


async def test_sources_that_cannot_be_are_refused(served, short) -> None:
    picture = await served.put(short.pictures()[0])
    for request, reason in (
        (pb.CreateVideoSessionRequest(), "SOURCE_MISSING"),
        (pb.CreateVideoSessionRequest(frames=pb.FrameList()), "SOURCE_MISSING"),
        (pb.CreateVideoSessionRequest(frames=pb.FrameList(frames=10_001 * [picture])), "VIDEO_TOO_LONG"),
    ):
        assert await refused(served.call("CreateVideoSession", request)) == (INVALID, reason)


async def test_pictures_of_another_size_are_refused_when_they_come(served, short) -> None:
    from_file = short.pictures()[0]
    small = await served.put(_png(np.zeros((20, 30, 3), dtype=np.uint8)))
    frames = pb.FrameList(frames=[await served.put(from_file), small])
    session = (await served.call("CreateVideoSession", pb.CreateVideoSessionRequest(frames=frames))).session
    await served.call("AddPrompt", prompt(session))
    assert await refused(served.propagate(name=session.name)) == (INVALID, "FRAMES_DIFFER")


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
