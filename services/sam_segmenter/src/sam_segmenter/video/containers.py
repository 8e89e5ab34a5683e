"""Opening a video's file without trusting it, and the list of its frames, made without decoding them."""

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from sam_segmenter.errors import PictureTooLarge, VideoTooLong, VideoUnreadable
from sam_segmenter.masks.sizes import MAX_PIXELS, MAX_SIDE_PX

MAX_FRAMES = 100_000
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
# A hold of the last frame is no sign of a file cut short until it is this many times the longest before it.
_HELD = 3


@dataclass(frozen=True, slots=True)
class Index:
    """The frames of a video in the order in which they are shown.

    `times` are their timestamps, ascending, in the stream's unit; empty where the container has none to go by and
    frames must be counted instead. `keys` are the numbers of frames at which decoding can begin, ascending from 0.
    """

    count: int
    times: Sequence[int]
    keys: Sequence[int]

    def number(self, time: int | None, before: int) -> int:
        """The number of a decoded frame of that timestamp that came after frame `before` (-1: none did)."""
        if not self.times or time is None:
            return before + 1
        return max(0, bisect_right(self.times, time) - 1)

    def key(self, number: int) -> int:
        """The last frame, at or before that one, at which decoding can begin."""
        return self.keys[bisect_right(self.keys, number) - 1]


def sniff(data: bytes) -> str:
    """FFmpeg's name for the container: mov (and MP4), matroska (and WebM) or avi. Raises VideoUnreadable.

    FFmpeg itself would also open playlists and scripts, which name other files and addresses that it then reads.
    """
    if data[4:8] in _BOXES:
        return "mov"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    raise VideoUnreadable


def open_video(data: bytes) -> tuple[InputContainer, VideoStream]:
    """The file and the stream that is shown. Raises VideoUnreadable or PictureTooLarge; nothing is decoded yet."""
    options = {"protocol_whitelist": "none"}
    try:
        container = av.open(io.BytesIO(data), "r", format=sniff(data), options=options)
    except (av.FFmpegError, ValueError) as error:
        raise VideoUnreadable from error
    try:
        return container, _stream(container)
    except BaseException:
        container.close()
        raise


def _stream(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        # A cover picture is a stream, too.
        if stream.codec_context is None or "attached_pic" in str(stream.disposition):
            continue
        context = stream.codec_context
        sides = (context.width, context.height)
        if not all(0 < side <= MAX_SIDE_PX for side in sides) or sides[0] * sides[1] > MAX_PIXELS:
            raise PictureTooLarge("A video's frames may have at most 64 million pixels.")
        # What the stream says later of its size is held to the same limit.
        context.options = {"max_pixels": str(MAX_PIXELS)}
        # The encoder is what takes time; threads here would only make the memory of a session grow.
        context.thread_count = 1
        return stream
    raise VideoUnreadable("The file has no video in it.")


def index(container: InputContainer, stream: VideoStream) -> Index:
    """Read through the file once. Raises VideoTooLong, or VideoUnreadable for a file that ends too early."""
    times, keys, count, cut = [], [], 0, False
    for packet in _packets(container, stream):
        count += 1
        if count > MAX_FRAMES:
            raise VideoTooLong
        cut = packet.is_corrupt
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None:
            times.append(time)
            if packet.is_keyframe:
                keys.append(time)
    if not count:
        raise VideoUnreadable
    shown = sorted(set(times))
    if cut or count < stream.frames or _ends_early(container, stream, shown):
        raise VideoUnreadable("The video's file ends before the video does: upload it again.")
    if not shown or (container.format.name == "avi" and stream.codec_context.has_b_frames):
        # AVI keeps no time of showing, so where frames are reordered only counting them tells their numbers.
        return Index(count, (), (0,))
    numbers = {bisect_right(shown, time) - 1 for time in keys}
    return Index(len(shown), shown, sorted(numbers | {0}))


def _packets(container: InputContainer, stream: VideoStream) -> Iterator["av.Packet[VideoStream]"]:
    """The packets that become frames; a damaged file ends where the damage is."""
    vp8 = stream.codec_context.name in ("vp8", "libvpx")
    try:
        for packet in container.demux(stream):
            # VP8 says in its first byte whether a frame is shown, or only helps to predict others.
            hidden = vp8 and packet.size and not bytes(packet)[0] & 0x10
            if packet.size and not packet.is_discard and not hidden:
                yield packet
    except (av.FFmpegError, ValueError):
        return


def _ends_early(container: InputContainer, stream: VideoStream, times: Sequence[int]) -> bool:
    """Whether a file that holds one stream only says that it lasts clearly longer than its frames do."""
    if len(container.streams) != 1 or container.duration is None or len(times) < 2 or not stream.time_base:
        return False
    longest = max(after - before for before, after in pairwise(times))
    shown = times[-1] - (stream.start_time or 0) + _HELD * longest
    return float(shown * stream.time_base) < container.duration / av.time_base
