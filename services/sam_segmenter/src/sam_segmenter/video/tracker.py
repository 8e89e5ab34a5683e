"""Objects through a video: the face of a tracker, and one made of a model that knows single pictures only."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from labels.label import Mask
from sam_segmenter import answers, frame, prompts
from sam_segmenter.answers import Place, Wish
from sam_segmenter.decoder import Decoded, Features
from sam_segmenter.errors import FrameOutside, NothingPrompted
from sam_segmenter.frame import Floats, Pixels, Region
from sam_segmenter.prompts import Prompt
from sam_segmenter.segmenter import Segmenter
from sam_segmenter.video import cursor, following, motion, notes
from sam_segmenter.video.cursor import Cursor
from sam_segmenter.video.following import Followed
from sam_segmenter.video.frames import Frames
from sam_segmenter.video.motion import Greys

_WISH = Wish(best_only=True)

Known = Mapping[int, Followed]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object on a frame: its mask, None and 0 when it is not to be seen."""

    object_id: int
    mask: Mask | None
    predicted_iou: float
    needs_human: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The objects that are known on a frame, ascending, and a cursor of at most 1 MiB to go on behind it."""

    frame: int
    sightings: tuple[Sighting, ...]
    cursor: bytes


class Tracker(Protocol):
    """Follows objects through the frames of one video. What it knows leaves and enters as bytes, in cursors."""

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects prompted so far, ascending."""
        ...

    async def prompt(self, frame_index: int, object_id: int, prompt: Prompt) -> Sighting:
        """Say what an object is on a frame, in place of what was said of it there before.

        Raises FrameOutside, ObjectIdInvalid, PromptsFull, other RequestInvalid, or EncoderError.
        """
        ...

    def remove(self, object_id: int) -> None:
        """Forget an object. Raises ObjectNotFound."""
        ...

    def propagate(self, start: int, step: int) -> AsyncGenerator[Step, None]:
        """Frames from `start` on, forward (`step` 1) or backward (-1), to the end.

        Raises FrameOutside, NothingPrompted, EncoderError and what reading a frame raises.
        """
        ...

    def resume(self, data: bytes) -> AsyncGenerator[Step, None]:
        """Frames behind a cursor, in its direction; raises CursorInvalid and what `propagate` raises."""
        ...


@dataclass(slots=True)
class _Look:
    """A frame as the model sees it; encoded when the first object needs it."""

    number: int
    square: Pixels
    name: str
    keep: bool
    features: Features | None = None


class Sam1Tracker:
    """Follows by asking about the last mask, moved as the picture moved. Holds prompts, and nothing of any frame."""

    def __init__(self, frames: Frames, segmenter: Segmenter, tenant: str) -> None:
        """`tenant` is whose frames these are."""
        self._frames = frames
        self._segmenter = segmenter
        self._tenant = tenant
        self._notes = notes.Notes()
        self._region = frame.whole(frames.height_px, frames.width_px)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects prompted so far, ascending."""
        return self._notes.object_ids

    def remove(self, object_id: int) -> None:
        """Forget an object; cursors from before do not bring it back. Raises ObjectNotFound."""
        self._notes.remove(object_id)

    async def prompt(self, frame_index: int, object_id: int, prompt: Prompt) -> Sighting:
        """Say what an object is on a frame, and see it there; see `Tracker.prompt`."""
        self._check(frame_index)
        prompts.check(prompt, self._frames.height_px, self._frames.width_px)
        text = await asyncio.to_thread(notes.to_text, prompt)
        self._notes.check(object_id, frame_index, text)
        look = await self._look(frame_index, keep=True)
        sighting, _ = await self._prompted(look, object_id, text)
        self._notes.say(object_id, frame_index, text)
        return sighting

    async def propagate(self, start: int, step: int) -> AsyncGenerator[Step, None]:
        """Follow from the last prompts on the way to `start`; see `Tracker.propagate`."""
        self._check(start)
        async for made in self._run(start, step, {}):
            yield made

    async def resume(self, data: bytes) -> AsyncGenerator[Step, None]:
        """Go on behind a cursor; what was said in this session since then counts."""
        saved = await asyncio.to_thread(cursor.from_bytes, data, self._frames)
        self._notes.adopt(saved.notes)
        known = {
            object_id: followed
            for object_id, followed in saved.followed.items()
            if not self._changed(object_id, saved)
        }
        async for made in self._run(saved.frame + saved.step, saved.step, known):
            yield made

    def _changed(self, object_id: int, saved: Cursor) -> bool:
        """Whether something was said since that makes what a cursor knows of an object worthless."""
        if self._notes.removed(object_id):
            return True
        at = self._notes.latest(object_id, saved.frame, saved.step)
        return at is not None and self._notes.get(object_id, at) != saved.notes.get(object_id, at)

    def _check(self, number: int) -> None:
        if not 0 <= number < self._frames.count:
            raise FrameOutside

    async def _run(self, start: int, step: int, known: Known) -> AsyncGenerator[Step, None]:
        if not self.object_ids:
            raise NothingPrompted
        greys: dict[int, Greys] = {}
        known = {**known, **await self._caught_up(start - step, step, known, greys)}
        number = start
        while 0 <= number < self._frames.count:
            sightings, known = await self._step(number, known, self.object_ids, greys)
            state = Cursor(number, step, self._notes.copy(), known)
            yield Step(number, sightings, await asyncio.to_thread(cursor.to_bytes, state, self._frames))
            number += step

    async def _caught_up(self, end: int, step: int, known: Known, greys: dict[int, Greys]) -> Known:
        """What is known on frame `end` of the objects prompted on the way there of which nothing is known yet."""
        begins = {
            object_id: at
            for object_id in self.object_ids
            if object_id not in known
            # Said again where it starts: nothing that it did before matters.
            and self._notes.get(object_id, end + step) is None
            and (at := self._notes.latest(object_id, end, step)) is not None
        }
        late: Known = {}
        if begins:
            for number in range(min(begins.values(), key=lambda at: at * step), end + step, step):
                due = [object_id for object_id, at in begins.items() if (number - at) * step >= 0]
                _, late = await self._step(number, late, due, greys)
        return late

    async def _step(
        self, number: int, known: Known, object_ids: "tuple[int, ...] | list[int]", greys: dict[int, Greys]
    ) -> tuple[tuple[Sighting, ...], Known]:
        """The objects on a frame, and what is known after it. `greys` of frames that are referred to are kept."""
        look = await self._look(number, keep=False)
        sightings, after = [], {}
        for object_id in object_ids:
            text, before = self._notes.get(object_id, number), known.get(object_id)
            if text is not None:
                sighting, followed = await self._prompted(look, object_id, text)
                # Where it goes is known from before, if it was followed until here.
                followed = replace(followed, shift=before.shift) if before and not before.lost else followed
            elif before is not None:
                sighting, followed = await self._follow(look, object_id, before, greys)
            else:
                continue
            sightings.append(sighting)
            after[object_id] = followed
        needed = {followed.frame for followed in after.values() if not followed.given_up}
        if number in needed and number not in greys:
            greys[number] = await asyncio.to_thread(motion.grey_of, look.square)
        for old in greys.keys() - needed:
            del greys[old]
        return tuple(sightings), after

    async def _prompted(self, look: _Look, object_id: int, text: str) -> tuple[Sighting, Followed]:
        prompt = notes.from_text(text, self._frames.height_px, self._frames.width_px)
        decoded = await self._segmenter.decode(
            await self._features(look), prompts.to_model(prompt, self._region)
        )
        best = prompts.ranked(decoded, prompt)[0]
        iou = float(decoded.predicted_iou[best])
        begun = await asyncio.to_thread(following.begin, look.number, decoded.logits[best], iou, look.square)
        return await self._sighting(look, object_id, decoded, best, doubtful=False), begun

    async def _follow(
        self, look: _Look, object_id: int, before: Followed, greys: dict[int, Greys]
    ) -> tuple[Sighting, Followed]:
        if before.given_up:
            return Sighting(object_id, None, 0.0, needs_human=False), before
        if before.frame not in greys:
            greys[before.frame] = motion.grey_of((await self._look(before.frame, keep=False)).square)
        moved, kept = await asyncio.to_thread(_moved, before, greys[before.frame], look, self._region)
        question = following.ask(moved)
        if question is not None:
            decoded = await self._segmenter.decode(await self._features(look), question)
            seen = await asyncio.to_thread(following.choose, before, moved, kept, decoded, look.square)
            if seen is not None:
                sighting = await self._sighting(look, object_id, decoded, seen.index, doubtful=seen.doubtful)
                return sighting, following.seen_again(before, look.number, seen, look.square)
        return Sighting(object_id, None, 0.0, needs_human=True), following.missed(before)

    async def _sighting(
        self, look: _Look, object_id: int, decoded: Decoded, index: int, *, doubtful: bool
    ) -> Sighting:
        features = await self._features(look)
        place = Place(self._region, self._frames.height_px, self._frames.width_px, features.sharpness)
        found = await asyncio.to_thread(answers.candidate, decoded, index, place, _WISH)
        if not found.area_px or not isinstance(found.shape, Mask):
            return Sighting(object_id, None, 0.0, needs_human=True)
        return Sighting(object_id, found.shape, found.predicted_iou, doubtful or found.difficulty.needs_human)

    async def _look(self, number: int, *, keep: bool) -> _Look:
        picture = await self._frames.get(number)
        square = await asyncio.to_thread(frame.to_square, picture.pixels, self._region)
        return _Look(number, square, picture.sha256, keep)

    async def _features(self, look: _Look) -> Features:
        if look.features is None:
            look.features = await self._segmenter.features_of(
                look.square, self._tenant, look.name, self._region, keep=look.keep
            )
        return look.features


def _moved(before: Followed, greys: Greys, look: _Look, region: Region) -> tuple[Floats, float | None]:
    """The object's logits on a frame if it moved as the picture did, and the share of points found again."""
    logits = before.logits
    shift = following.expected_shift(before, look.number)
    way = motion.between(greys, motion.grey_of(look.square), logits > 0, shift)
    return following.within(way.move(logits), region), way.kept
