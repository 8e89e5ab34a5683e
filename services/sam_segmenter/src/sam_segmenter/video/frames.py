"""The frames of a video, from a video's file or from a list of pictures: any of them by number, none of them held."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Protocol

from chassis.blobs import Blobs
from chassis.errors import BlobMissing
from labels.asset import ContentRef
from sam_segmenter.errors import FrameOutside, FramesDiffer, ImageNotFound, SourceMissing, VideoTooLong
from sam_segmenter.pictures import Picture, Pictures
from sam_segmenter.video.file import VideoFile

MAX_PICTURES = 10_000


class Frames(Protocol):
    """A video as its frames.

    `sha256` (64 hexadecimal digits) tells videos apart, `count` is the number of frames, all `height_px` x `width_px`;
    `frames_per_second` is 0 for pictures; `bytes` is what is held between calls.
    """

    sha256: str
    count: int
    height_px: int
    width_px: int
    frames_per_second: float
    bytes: int

    async def get(self, number: int) -> Picture:
        """Frame `number` from 0. Raises FrameOutside and what reading it raises."""
        ...

    async def close(self) -> None:
        """Let go of the video."""
        ...


class FileFrames:
    """Frames of a video's file, decoded when they are asked for, in a worker thread."""

    def __init__(self, file: VideoFile, sha256: str) -> None:
        """`sha256` is the file's."""
        self._file = file
        self.sha256 = sha256
        self.count = file.count
        self.height_px, self.width_px = file.height_px, file.width_px
        self.frames_per_second = file.frames_per_second
        self.bytes = file.bytes

    async def get(self, number: int) -> Picture:
        """Raises FrameOutside, or VideoUnreadable."""
        pixels = await asyncio.to_thread(self._file.frame, number)
        return Picture(pixels, _sha256(self.sha256, str(number)))

    async def close(self) -> None:
        """Waits for a frame that is being decoded."""
        await asyncio.to_thread(self._file.close)


class PictureFrames:
    """Pictures of the blob store, read when they are asked for; only their names are held."""

    frames_per_second = 0.0

    def __init__(self, pictures: Pictures, tenant: str, refs: Sequence[ContentRef], first: Picture) -> None:
        """`first` is the first picture; its size is the one that all must have."""
        self._pictures = pictures
        self._tenant = tenant
        self._refs = tuple(refs)
        self.sha256 = _sha256(*(ref.uri for ref in refs))
        self.count = len(self._refs)
        self.height_px, self.width_px = first.height_px, first.width_px
        self.bytes = sum(len(ref.uri) + len(ref.sha256) for ref in self._refs)

    async def get(self, number: int) -> Picture:
        """Raises FrameOutside, FramesDiffer, or what `Pictures.get` raises."""
        if not 0 <= number < self.count:
            raise FrameOutside
        picture = await self._pictures.get(self._tenant, self._refs[number])
        if (picture.height_px, picture.width_px) != (self.height_px, self.width_px):
            raise FramesDiffer
        return picture

    async def close(self) -> None:
        """Nothing to let go of."""


async def open_file(blobs: Blobs, tenant: str, ref: ContentRef, max_bytes: int) -> FileFrames:
    """A tenant's video file of at most `max_bytes`.

    Raises ImageNotFound, VideoUnreadable, VideoTooLong, PictureTooLarge, or what the blob store raises.
    """
    try:
        data = await blobs.of(tenant).get(ref.uri, ref.sha256, max_bytes)
    except BlobMissing:
        raise ImageNotFound("There is no such video: upload it again.") from None
    file = await asyncio.to_thread(VideoFile, data)
    return FileFrames(file, ref.uri.rpartition("/")[2])


async def open_pictures(pictures: Pictures, tenant: str, refs: Sequence[ContentRef]) -> PictureFrames:
    """A tenant's pictures, 1 to 10,000; only the first is looked at now, the others when they are asked for.

    Raises SourceMissing, VideoTooLong, or what `Pictures.get` raises.
    """
    if not refs:
        raise SourceMissing("The request names no frames: set a video or at least one picture.")
    if len(refs) > MAX_PICTURES:
        raise VideoTooLong
    return PictureFrames(pictures, tenant, refs, await pictures.get(tenant, refs[0]))


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
