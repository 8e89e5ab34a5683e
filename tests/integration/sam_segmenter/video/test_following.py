"""Objects followed through films of which every mask is known, over a real server and with the real small model."""

import numpy as np
import pytest

from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import segmenter_service_pb2
from labelmesh.segmenter.v1 import video_service_pb2 as pb
from labels import rle
from labels.label import Mask

VASE, MAN, BEAR = 0, 6, 7


def line(start: tuple[float, float], end: tuple[float, float], count: int):
    """The place on each frame of what moves evenly."""
    return lambda number: tuple(a + (b - a) * number / (count - 1) for a, b in zip(start, end, strict=True))


def boxed(x: float, y: float, width: float, height: float) -> segmenter_service_pb2.ObjectPrompt:
    return segmenter_service_pb2.ObjectPrompt(
        box=label_pb2.Box(x_px=x, y_px=y, width_px=width, height_px=height)
    )


def prompt(session: pb.VideoSession, frame: int, object_id: int, box) -> pb.AddPromptRequest:
    return pb.AddPromptRequest(name=session.name, frame=frame, object_id=object_id, prompt=boxed(*box))


def bitmap(found: pb.FrameMask, session: pb.VideoSession) -> np.ndarray:
    """The mask, empty when it is unset."""
    if not found.HasField("shape"):
        return np.zeros((session.height_px, session.width_px), dtype=bool)
    mask = found.shape.mask
    assert (mask.height_px, mask.width_px) == (session.height_px, session.width_px)
    return rle.to_bitmap(Mask(mask.height_px, mask.width_px, mask.counts))


def overlaps(answers, session, thing: int, film, object_id: int) -> dict[int, float]:
    """IoU with the true mask of a thing by frame."""
    found = {}
    for answer in answers:
        (mask,) = (one for one in answer.masks if one.object_id == object_id)
        seen, true = bitmap(mask, session), film.masks[thing][answer.frame]
        found[answer.frame] = np.count_nonzero(seen & true) / max(1, np.count_nonzero(seen | true))
    return found


@pytest.mark.parametrize(("thing", "count"), [(VASE, 8), (MAN, 20), (BEAR, 8)])
async def test_a_thing_boxed_on_the_first_frame_is_followed_to_the_last(
    served, film, things, thing, count
) -> None:
    made = film(count, (things[thing], line((0.2, 0.4), (0.7, 0.6), count)))
    session = await served.open(made.file())
    assert (session.frame_count, session.height_px, session.width_px) == (count, 320, 480)
    assert session.frames_per_second == pytest.approx(25)
    first = await served.call("AddPrompt", prompt(session, 0, 1, made.box(0, 0)))
    answers = await served.propagate(name=session.name)
    assert [answer.frame for answer in answers] == list(range(count))
    assert answers[0].masks[0] == first.mask
    found = overlaps(answers, session, 0, made, 1)
    assert np.mean([*found.values()]) > 0.75
    assert min(found.values()) > 0.7
    assert all(len(answer.cursor) <= 1 << 20 for answer in answers)


async def test_several_objects_go_backward_and_one_more_joins_on_the_way(served, film, things) -> None:
    made = film(
        12,
        (things[VASE], line((0.2, 0.3), (0.3, 0.3), 12)),
        (things[BEAR], line((0.8, 0.6), (0.6, 0.6), 12)),
    )
    session = await served.open(made.file("libvpx-vp9", "webm", gop=5))
    await served.call("AddPrompt", prompt(session, 11, 7, made.box(0, 11)))
    await served.call("AddPrompt", prompt(session, 8, 3, made.box(1, 8)))
    back = await served.propagate(
        name=session.name, direction=pb.DIRECTION_BACKWARD, start_frame=11, max_frames=9
    )
    assert [answer.frame for answer in back] == list(range(11, 2, -1))
    assert [[mask.object_id for mask in answer.masks] for answer in back] == 3 * [[7]] + 6 * [[3, 7]]
    assert min(overlaps(back, session, 0, made, 7).values()) > 0.7
    assert min(overlaps(back[3:], session, 1, made, 3).values()) > 0.8
    # Started in between, it is followed there first: the same masks as on the way.
    late = await served.propagate(
        name=session.name, direction=pb.DIRECTION_BACKWARD, start_frame=6, max_frames=2
    )
    assert [[*answer.masks] for answer in late] == [[*answer.masks] for answer in back[5:7]]


async def test_a_prompt_on_the_way_counts_more_than_what_was_followed(served, film, things) -> None:
    made = film(6, (things[VASE], line((0.2, 0.3), (0.25, 0.3), 6)), (things[BEAR], lambda _: (0.7, 0.6)))
    session = await served.open(made.file())
    await served.call("AddPrompt", prompt(session, 0, 1, made.box(0, 0)))
    # From the fourth frame on the number means the other thing.
    await served.call("AddPrompt", prompt(session, 3, 1, made.box(1, 3)))
    answers = await served.propagate(name=session.name)
    assert min(overlaps(answers[:3], session, 0, made, 1).values()) > 0.7
    assert min(overlaps(answers[3:], session, 1, made, 1).values()) > 0.8


async def test_what_goes_behind_something_is_lost_not_confused_and_found_again(served, film, things) -> None:
    made = film(30, (things[MAN], line((0.1, 0.5), (0.9, 0.5), 30)), (things[5], lambda _: (0.5, 0.5)))
    session = await served.open(made.file())
    await served.call("AddPrompt", prompt(session, 0, 1, made.box(0, 0)))
    answers = await served.propagate(name=session.name)
    found = overlaps(answers, session, 0, made, 1)
    assert min(found[number] for number in range(9)) > 0.7
    assert min(found[number] for number in range(23, 30)) > 0.7
    for answer in answers:
        # Where the mask is far off, or there is none although part of the man is to be seen, a person is asked.
        if found[answer.frame] < 0.6:
            assert answer.masks[0].needs_human
    lost = [answer for answer in answers if not answer.masks[0].HasField("shape")]
    assert lost
    assert {answer.masks[0].predicted_iou for answer in lost} == {0.0}


async def test_what_leaves_the_picture_is_unset_and_then_nobody_is_asked(served, film, things) -> None:
    made = film(40, (things[BEAR], lambda number: (0.7 + 0.08 * number, 0.5)))
    session = await served.open(made.file())
    await served.call("AddPrompt", prompt(session, 0, 1, made.box(0, 0)))
    answers = await served.propagate(name=session.name)
    for answer in answers:
        if not made.masks[0][answer.frame].any():
            assert not answer.masks[0].HasField("shape")
    assert not answers[-1].masks[0].needs_human


async def test_a_removed_object_is_gone_from_answers_and_older_cursors(served, film, things) -> None:
    made = film(6, (things[VASE], lambda _: (0.25, 0.4)), (things[BEAR], lambda _: (0.7, 0.6)))
    session = await served.open(made.file())
    for thing, object_id in ((0, 1), (1, 2)):
        await served.call("AddPrompt", prompt(session, 0, object_id, made.box(thing, 0)))
    before = await served.propagate(name=session.name, max_frames=2)
    removed = await served.call("RemoveObject", pb.RemoveObjectRequest(name=session.name, object_id=1))
    assert [*removed.session.object_ids] == [2]
    after = await served.propagate(name=session.name, cursor=before[-1].cursor, max_frames=2)
    assert [answer.frame for answer in after] == [2, 3]
    assert [[mask.object_id for mask in answer.masks] for answer in after] == [[2], [2]]


async def test_pictures_in_order_are_a_film(served, film, things) -> None:
    made = film(4, (things[BEAR], line((0.4, 0.5), (0.5, 0.5), 4)))
    refs = [await served.put(data) for data in made.pictures()]
    request = pb.CreateVideoSessionRequest(frames=pb.FrameList(frames=refs))
    session = (await served.call("CreateVideoSession", request)).session
    assert (session.frame_count, session.frames_per_second) == (4, 0)
    await served.call("AddPrompt", prompt(session, 0, 1, made.box(0, 0)))
    answers = await served.propagate(name=session.name)
    assert min(overlaps(answers, session, 0, made, 1).values()) > 0.8
