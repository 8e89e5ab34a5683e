"""Pictures encoded ahead: one at a time, never beside somebody who waits, errors without consequence."""

import asyncio
from dataclasses import dataclass, field

from labels.asset import ContentRef
from sam_segmenter.errors import PictureUnreadable
from sam_segmenter.prefetch import MAX_WAITING, Prefetch


def refs(*names: str) -> list[ContentRef]:
    return [ContentRef(f"blob:sha256/{name}", name, 1) for name in names]


@dataclass
class Encoder:
    """Takes a turn of the loop for a picture, and counts."""

    done: list[tuple[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    now: int = 0
    bad: dict[str, Exception] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def encode(self, tenant: str, ref: ContentRef) -> None:
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        self.done.append((tenant, ref.sha256))
        self.changed.set()
        if ref.sha256 in self.bad:
            raise self.bad[ref.sha256]

    async def finished(self, count: int) -> None:
        while len(self.done) < count:
            self.changed.clear()
            await self.changed.wait()
        await asyncio.sleep(0.02)


async def test_the_first_pictures_of_each_import_are_encoded_one_at_a_time() -> None:
    encoder = Encoder()
    async with Prefetch(encoder.encode, lambda: False, 2) as prefetch:
        prefetch.ahead("a", refs("1", "2", "3"))
        prefetch.ahead("b", refs("1"))
        await encoder.finished(3)
    assert encoder.done == [("a", "1"), ("a", "2"), ("b", "1")]
    assert encoder.most_at_once == 1


async def test_nothing_is_encoded_while_somebody_waits() -> None:
    encoder, waiting = Encoder(), True
    async with Prefetch(encoder.encode, lambda: waiting, 4) as prefetch:
        prefetch.ahead("a", refs("1"))
        await asyncio.sleep(0.3)
        assert encoder.done == []
        waiting = False
        await encoder.finished(1)


async def test_a_picture_that_fails_does_not_keep_the_next_from_its_turn() -> None:
    encoder = Encoder(bad={"1": PictureUnreadable(), "2": ZeroDivisionError()})
    async with Prefetch(encoder.encode, lambda: False, 4) as prefetch:
        prefetch.ahead("a", refs("1", "2", "3"))
        await encoder.finished(3)


async def test_none_is_taken_when_it_is_turned_off_and_few_are_remembered_of_many() -> None:
    encoder = Encoder()
    async with Prefetch(encoder.encode, lambda: False, 0) as prefetch:
        prefetch.ahead("a", refs("1"))
        await asyncio.sleep(0.05)
    assert encoder.done == []
    async with Prefetch(encoder.encode, lambda: False, 10_000) as prefetch:
        prefetch.ahead("a", refs(*map(str, range(MAX_WAITING + 5))))
        await encoder.finished(MAX_WAITING)
    assert len(encoder.done) == MAX_WAITING
    assert encoder.done[-1] == ("a", str(MAX_WAITING + 4))
