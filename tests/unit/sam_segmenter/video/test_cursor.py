"""Prompts of a session, and cursors that carry them with what is known of objects."""

import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from labels.label import Box
from sam_segmenter.errors import CursorInvalid, ObjectIdInvalid, ObjectNotFound, PromptsFull
from sam_segmenter.prompts import Click, Prompt
from sam_segmenter.video import cursor, grids, notes
from sam_segmenter.video.cursor import Cursor
from sam_segmenter.video.following import LOOKS, Followed
from sam_segmenter.video.notes import Notes


@dataclass
class Film:
    """What a cursor wants to know of frames."""

    sha256: str = "a" * 64
    count: int = 100
    height_px: int = 40
    width_px: int = 60
    frames_per_second: float = 25.0
    bytes: int = 0


def followed(frame: int = 3, seed: int = 0, rough: float = 0.0) -> Followed:
    random = np.random.default_rng(seed)
    logits = random.normal(0, rough, (256, 256)) - 4
    logits[50:90, 60:120] += 9
    looks = random.integers(0, 256, LOOKS, dtype=np.uint8)
    return Followed(frame, grids.pack(logits.astype(np.float32)), (1.25, -0.1), looks, 2400.3, 0.9, 2)


def click(x: float = 10.5) -> str:
    return notes.to_text(Prompt((Click(x, 20.25), Click(3, 4, positive=False))))


def fill(said: Notes, texts: Iterable[str]) -> None:
    """Say one thing after the other until no more is taken."""
    for frame, text in enumerate(texts, 1):
        try:
            said.say(1 + frame % 64, frame, text)
        except PromptsFull:
            return
    raise AssertionError("there was room for all")


def some_notes() -> Notes:
    said = Notes()
    said.say(4, 9, click())
    said.say(1, 3, notes.to_text(Prompt(box=Box(1, 2.5, 30, 20))))
    said.say(4, 2, notes.to_text(Prompt((Click(1, 2),), Box(0, 0, 9, 9), np.eye(40, 60, dtype=bool))))
    return said


def a_cursor() -> Cursor:
    return Cursor(5, -1, some_notes(), {1: followed(), 4: replace(followed(5, 1), lost=16)})


def test_a_cursor_comes_back_as_it_was() -> None:
    made = a_cursor()
    again = cursor.from_bytes(cursor.to_bytes(made, Film()), Film())
    assert (again.frame, again.step) == (5, -1)
    assert [*again.notes] == [*made.notes]
    assert again.followed.keys() == made.followed.keys()
    for object_id, known in made.followed.items():
        other = again.followed[object_id]
        assert np.array_equal(other.looks, known.looks)
        assert replace(other, looks=known.looks) == known


def test_a_prompt_comes_back_from_its_text() -> None:
    mask = np.random.default_rng(4).random((40, 60)) > 0.5
    prompt = Prompt((Click(0.1, 39.9), Click(60, 0, positive=False)), Box(0.5, 1, 2, 3), mask)
    again = notes.from_text(notes.to_text(prompt), 40, 60)
    assert (again.clicks, again.box) == (prompt.clicks, prompt.box)
    assert again.mask is not None
    assert np.array_equal(again.mask, mask)


def test_a_cursor_is_at_most_a_mebibyte_however_much_is_followed_and_was_said() -> None:
    said = Notes()
    for object_id in range(1, 65):
        said.say(object_id, 0, click(object_id / 7))
    random = np.random.default_rng(8)
    # Texts that do not compress: the largest that prompts can be.
    clicks = (tuple(Click(x, y) for x, y in random.random((256, 2)) * 40) for _ in range(100))
    fill(said, (notes.to_text(Prompt(several)) for several in clicks))
    known = {object_id: followed(seed=object_id, rough=20) for object_id in range(1, 65)}
    data = cursor.to_bytes(Cursor(7, 1, said, known), Film())
    assert 600 << 10 < len(data) <= cursor.MAX_BYTES
    assert [*cursor.from_bytes(data, Film()).notes] == [*said]


def test_the_smallest_prompts_of_a_full_session_fit_a_cursor_too() -> None:
    said, frames = Notes(), replace(Film(), count=100_000)
    fill(said, (notes.to_text(Prompt((Click(1, 1),))) for _ in range(99_999)))
    data = cursor.to_bytes(Cursor(7, 1, said, {}), frames)
    assert len(data) <= cursor.MAX_BYTES
    assert [*cursor.from_bytes(data, frames).notes] == [*said]


@pytest.mark.parametrize(
    "film", [Film(sha256="b" * 64), Film(count=9), Film(height_px=20), Film(width_px=40)], ids=repr
)
def test_a_cursor_of_other_frames_is_refused(film) -> None:
    data = cursor.to_bytes(a_cursor(), Film())
    with pytest.raises(CursorInvalid):
        cursor.from_bytes(data, film)


def test_any_byte_that_is_cut_off_or_added_is_noticed() -> None:
    data = cursor.to_bytes(a_cursor(), Film())
    for bad in (b"", data[1:], data[:-1], data[:200], data + b"\0", b"V2" + data[2:], data + bytes(1 << 20)):
        with pytest.raises(CursorInvalid):
            cursor.from_bytes(bad, Film())


def test_bytes_that_were_changed_are_refused_or_read_and_never_break() -> None:
    data = cursor.to_bytes(a_cursor(), Film())
    random = np.random.default_rng(6)
    for _ in range(300):
        bad = bytearray(data)
        bad[random.integers(len(bad))] = random.integers(256)
        try:
            found = cursor.from_bytes(bytes(bad), Film())
        except CursorInvalid:
            continue
        assert all(known.logits.shape == (256, 256) for known in found.followed.values())


def forged(**changes) -> bytes:
    """A cursor whose head says something else."""
    data = cursor.to_bytes(a_cursor(), Film())
    (size,) = struct.unpack_from("<I", data, 2)
    head = json.loads(zlib.decompress(data[6 : 6 + size])) | changes
    packed = zlib.compress(json.dumps(head).encode())
    return data[:2] + struct.pack("<I", len(packed)) + packed + data[6 + size :]


def row(**changes) -> list:
    known = {"id": 1, "size": 9, "frame": 3, "dx": 0, "dy": 0, "area": 5, "iou": 0.5, "lost": 0} | changes
    return [[*known.values()]]


@pytest.mark.parametrize(
    "changes",
    [
        {"frame": 100},
        {"frame": -1},
        {"frame": 1.5},
        {"frame": True},
        {"step": 2},
        {"step": 0},
        {"said": [[0, 1, click()]]},
        {"said": [[1, 100, click()]]},
        {"said": [[1, 1, "{}"]]},
        {"said": [[1, 1, '{"clicks":[]}']]},
        {"said": [[1, 1, '{"clicks":[[NaN,1,1]]}']]},
        {"said": [[1, 1, '{"clicks":[[61,1,1]]}']]},
        {"said": [[1, 1, '{"clicks":[],"mask":"!"}']]},
        {"said": [[1, 1, '{"clicks":[],"mask":7}']]},
        {"said": [[1, 1, 5]]},
        {"said": 5},
        {"said": [[object_id, 0, click()] for object_id in range(1, 66)]},
        {"followed": row(size=-1)},
        {"followed": row(size=10**9)},
        {"followed": row(frame=100)},
        {"followed": row(dx=float("nan"))},
        {"followed": row(area=1e300)},
        {"followed": row(lost=-1)},
        {"followed": row(lost=17)},
        {"followed": row(id="1")},
        {"followed": []},
        {"followed": None},
    ],
    ids=repr,
)
def test_a_forged_cursor_is_refused(changes) -> None:
    with pytest.raises(CursorInvalid):
        cursor.from_bytes(forged(**changes), Film())


def test_a_head_that_unpacks_to_a_gigabyte_is_not_unpacked() -> None:
    packed = zlib.compress(b" " * (64 << 20))
    with pytest.raises(CursorInvalid):
        cursor.from_bytes(b"V1" + struct.pack("<I", len(packed)) + packed, Film())


def test_the_latest_prompt_on_the_way_is_found_in_both_directions() -> None:
    said = Notes()
    for frame in (2, 5, 9):
        said.say(1, frame, click())
    assert [said.latest(1, frame, 1) for frame in (1, 2, 4, 5, 20)] == [None, 2, 2, 5, 9]
    assert [said.latest(1, frame, -1) for frame in (1, 2, 4, 9, 20)] == [2, 2, 5, 9, None]
    assert said.latest(2, 5, 1) is None


def test_what_was_removed_does_not_come_back_and_what_is_here_stands() -> None:
    mine, other = some_notes(), some_notes()
    other.say(9, 1, click())
    other.say(1, 3, click())
    mine.remove(4)
    mine.adopt(other)
    assert mine.object_ids == (1, 9)
    assert mine.get(1, 3) != other.get(1, 3)
    assert mine.removed(4)
    with pytest.raises(ObjectNotFound):
        mine.remove(4)


def test_a_65th_object_is_refused_and_a_removed_one_makes_room() -> None:
    said = Notes()
    for object_id in range(1, 65):
        said.say(object_id, 0, click())
    with pytest.raises(ObjectIdInvalid):
        said.say(65, 0, click())
    said.say(64, 1, click())
    said.remove(3)
    said.say(65, 0, click())
    assert len(said.object_ids) == notes.MAX_OBJECTS
