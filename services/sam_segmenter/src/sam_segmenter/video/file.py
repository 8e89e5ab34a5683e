"""A video's file, any frame of it by number."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

import av
import numpy as np
from av.video.frame import VideoFrame

from sam_segmenter.errors import FrameOutside, VideoUnreadable
from sam_segmenter.frame import Pixels
from sam_segmenter.video import containers

#: Decoded frames that are kept because going backward will ask for them: at most so many, and so many bytes.
KEPT_FRAMES = 32
KEPT_BYTES = 32 << 20


class VideoFile:
    """Frames of an MP4, MOV, MKV, WebM or AVI file in memory; one thread at a time is served.

    Decoding begins at the key frame before the frame asked for, or goes on from the one read last. Only a few decoded
    frames are ever held, so going backward decodes a stretch between key frames once for every `KEPT_FRAMES` of it.
    """

    def __init__(self, data: bytes) -> None:
        """Read through the file and decode its first frame.

        Raises VideoUnreadable, VideoTooLong or PictureTooLarge.
        """
        self._data = data
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._decoding: Iterator[VideoFrame] = iter(())
        self._at = self._began = -1
        self._size: tuple[int, int] | None = None
        self._container, self._stream = containers.open_video(data)
        try:
            self._index = containers.index(self._container, self._stream)
            self.height_px, self.width_px = self.frame(0).shape[:2]
        except BaseException:
            self._container.close()
            raise
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.count = self._index.count
        self.frames_per_second = float(rate) if rate else 0.0

    @property
    def bytes(self) -> int:
        """Size of the file; decoded frames come on top, at most KEPT_BYTES or two of them."""
        return len(self._data)

    def frame(self, number: int) -> Pixels:
        """Frame `number`, 0 to count - 1, uint8 H x W x 3 in RGB, as displayed.

        A frame that is damaged shows what a player would show: the one before it. Raises FrameOutside, or
        VideoUnreadable where nothing can be decoded.
        """
        if not 0 <= number < self._index.count:
            raise FrameOutside
        with self._lock:
            found = self._kept.get(number) or self._search(number)
            return self._pixels(found)

    def close(self) -> None:
        """Let go of the file, when no thread reads it."""
        with self._lock:
            self._kept.clear()
            self._decoding = iter(())
            self._container.close()

    def _search(self, number: int) -> VideoFrame:
        key = self._index.key(number)
        if key <= self._at < number:
            found = self._onward(number)
            if found is not None:
                return found
        while True:
            self._rewind(key)
            found = self._onward(number)
            if found is not None:
                return found
            if not key:
                raise VideoUnreadable("The video's frames cannot be decoded.")
            key = self._index.key(key - 1)

    def _onward(self, number: int) -> VideoFrame | None:
        """Decode up to that frame; the last one before it when it is missing, None when there is none at all."""
        best = self._kept.get(self._at)
        for frame in self._decoding:
            at = self._index.number(frame.pts, self._at)
            if at < self._began:
                # Shown before the key frame and predicted from what lies before it, which was not decoded.
                continue
            self._at = at
            self._keep(self._at, frame)
            if self._at == number:
                return frame
            if self._at > number:
                return best or (frame if not self._index.key(number) else None)
            best = frame
        self._at = -1
        return best

    def _rewind(self, key: int) -> None:
        """Go to a key frame, or to the beginning where the file cannot be searched."""
        self._decoding, self._at, self._began = iter(()), key - 1, key
        try:
            time = self._index.times[key] if self._index.times else (self._stream.start_time or 0)
            self._container.seek(time, stream=self._stream, backward=True)
        except av.FFmpegError:
            self._container.close()
            self._container, self._stream = containers.open_video(self._data)
        self._decoding = self._decoded()

    def _decoded(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    # A damaged packet; the decoder finds its way at one of the next.
                    continue
                yield from (frame for frame in frames if isinstance(frame, VideoFrame))
        except av.FFmpegError:
            return

    def _keep(self, number: int, frame: VideoFrame) -> None:
        self._kept[number] = frame
        self._kept.move_to_end(number)
        size = sum(plane.buffer_size for plane in frame.planes)
        most = min(KEPT_FRAMES, max(2, KEPT_BYTES // max(size, 1)))
        while len(self._kept) > most:
            self._kept.popitem(last=False)

    def _pixels(self, frame: VideoFrame) -> Pixels:
        # A stream may change its size on the way; masks have that of the first frame.
        self._size = self._size or (frame.width, frame.height)
        rgb = frame.reformat(*self._size, format="rgb24").to_ndarray()
        turned = np.rot90(rgb, round(frame.rotation / 90))
        pixels = np.ascontiguousarray(turned, dtype=np.uint8)
        pixels.flags.writeable = False
        return pixels
