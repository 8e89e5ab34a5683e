"""What has been said of the objects of a video: prompts by object and frame, small and in one fixed form."""

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from labels import rle
from labels.label import Box, Mask
from sam_segmenter import prompts
from sam_segmenter.errors import ObjectIdInvalid, ObjectNotFound, PromptsFull
from sam_segmenter.prompts import Click, Prompt

MAX_OBJECT_ID = 1_000_000
MAX_OBJECTS = 64
#: All prompts of a session together, so that a cursor has room for them.
MAX_BYTES = 384 << 10
# What the numbers around a prompt take at most.
_AROUND = 32


class Notes:
    """Prompts as texts: a text is the same for the same prompt, so it also tells whether one has changed."""

    def __init__(self) -> None:
        self._said: dict[int, dict[int, str]] = {}
        self._removed: set[int] = set()
        self._bytes = 0

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects of which anything was said, ascending."""
        return tuple(sorted(self._said))

    def check(self, object_id: int, frame: int, text: str) -> None:
        """Raise ObjectIdInvalid or PromptsFull when `say` would."""
        if not 0 < object_id <= MAX_OBJECT_ID:
            raise ObjectIdInvalid
        if object_id not in self._said and len(self._said) >= MAX_OBJECTS:
            raise ObjectIdInvalid
        if self._bytes - self._size(object_id, frame) + len(text) + _AROUND > MAX_BYTES:
            raise PromptsFull

    def say(self, object_id: int, frame: int, text: str) -> None:
        """Put down a prompt in place of an earlier one. Raises ObjectIdInvalid or PromptsFull."""
        self.check(object_id, frame, text)
        self._bytes += len(text) + _AROUND - self._size(object_id, frame)
        self._said.setdefault(object_id, {})[frame] = text

    def get(self, object_id: int, frame: int) -> str | None:
        """What was said of an object on that frame."""
        return self._said.get(object_id, {}).get(frame)

    def latest(self, object_id: int, frame: int, step: int) -> int | None:
        """The frame with the last prompt of an object on the way to that frame, itself included; `step` is 1 or -1."""
        past = [at for at in self._said.get(object_id, ()) if (frame - at) * step >= 0]
        return min(past, key=lambda at: abs(frame - at), default=None)

    def remove(self, object_id: int) -> None:
        """Forget an object, and what cursors will tell of it. Raises ObjectNotFound."""
        if object_id not in self._said:
            raise ObjectNotFound
        self._bytes -= sum(self._size(object_id, frame) for frame in self._said[object_id])
        del self._said[object_id]
        self._removed.add(object_id)

    def removed(self, object_id: int) -> bool:
        """Whether an object of that number was removed once; what older cursors say of it does not count."""
        return object_id in self._removed

    def copy(self) -> "Notes":
        """As they are now."""
        same = Notes()
        same._said = {object_id: dict(texts) for object_id, texts in self._said.items()}
        same._removed, same._bytes = set(self._removed), self._bytes
        return same

    def adopt(self, others: "Notes") -> None:
        """Take over what is not known here; what was said here, or removed, stands. Raises as `say` does."""
        for object_id, frame, text in others:
            if object_id not in self._removed and self.get(object_id, frame) is None:
                self.say(object_id, frame, text)

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        """Object, frame and text, ascending."""
        for object_id in self.object_ids:
            for frame in sorted(self._said[object_id]):
                yield object_id, frame, self._said[object_id][frame]

    def _size(self, object_id: int, frame: int) -> int:
        text = self.get(object_id, frame)
        return 0 if text is None else len(text) + _AROUND


def to_text(prompt: Prompt) -> str:
    """A prompt without logits, which depend on what answered, as JSON."""
    found: dict[str, Any] = {"clicks": [(c.x_px, c.y_px, int(c.positive)) for c in prompt.clicks]}
    if prompt.box is not None:
        found["box"] = (prompt.box.x_px, prompt.box.y_px, prompt.box.width_px, prompt.box.height_px)
    if prompt.mask is not None:
        found["mask"] = rle.encode(prompt.mask).counts.decode("ascii")
    return json.dumps(found, separators=(",", ":"))


def from_text(text: str, height_px: int, width_px: int) -> Prompt:
    """The prompt that a text stands for, on frames of that size."""
    clicks, box, mask = _parts(text, height_px, width_px)
    return Prompt(clicks, box, None if mask is None else rle.to_bitmap(mask))


def check_text(text: str, height_px: int, width_px: int) -> None:
    """Raise ValueError, KeyError, TypeError or LabelError unless it is the text of a prompt for such frames.

    A mask is not written out for it: a short text may stand for a large one.
    """
    clicks, box, mask = _parts(text, height_px, width_px)
    if mask is not None:
        rle.decode(mask)
    if mask is None or clicks or box is not None:
        prompts.check(Prompt(clicks, box), height_px, width_px)


def _parts(text: str, height_px: int, width_px: int) -> tuple[tuple[Click, ...], Box | None, Mask | None]:
    found: Mapping[str, Any] = json.loads(text)
    clicks = tuple(Click(_number(x), _number(y), bool(on)) for x, y, on in found["clicks"])
    box = Box(*map(_number, found["box"])) if "box" in found else None
    mask = Mask(height_px, width_px, found["mask"].encode("ascii")) if "mask" in found else None
    return clicks, box, mask


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("not a number")
    return float(value)
