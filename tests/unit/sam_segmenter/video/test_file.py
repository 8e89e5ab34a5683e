"""Any frame of a video's file by number; every frame carries its own number in its greys."""

import io

import av
import numpy as np
import pytest

from sam_segmenter.errors import FrameOutside, PictureTooLarge, VideoUnreadable
from sam_segmenter.video.file import KEPT_FRAMES, VideoFile

FORMS = {
    "mp4": ("mp4", "libx264", {}),
    "mp4 of key frames": ("mp4", "libx264", {"g": "1"}),
    "mp4 of one key frame": ("mp4", "libx264", {"g": "1000", "sc_threshold": "0"}),
    "mp4 of reordered frames": ("mp4", "libx264", {"bf": "3", "g": "12"}),
    "mp4 of open groups": ("mp4", "libx264", {"bf": "3", "g": "12", "x264-params": "open-gop=1"}),
    "mov": ("mov", "mpeg4", {"g": "10"}),
    "mkv": ("matroska", "libx264", {"bf": "2", "g": "10"}),
    "mkv of jpegs": ("matroska", "mjpeg", {}),
    "webm of vp8": ("webm", "libvpx", {"g": "9", "auto-alt-ref": "1", "lag-in-frames": "10"}),
    "webm of vp9": ("webm", "libvpx-vp9", {"g": "9"}),
    "avi": ("avi", "mpeg4", {"g": "10"}),
}
COUNT = 50


def numbered(number: int, height: int, width: int) -> np.ndarray:
    """A frame whose eight stripes are the bits of its number, black and white, which no codec blurs."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    for bit, columns in enumerate(np.array_split(np.arange(width), 8)):
        pixels[:, columns] = 230 if number >> bit & 1 else 25
    return pixels


def number_of(pixels: np.ndarray) -> int:
    stripes = np.array_split(pixels.mean(axis=(0, 2)), 8)
    return sum(1 << bit for bit, greys in enumerate(stripes) if greys.mean() > 128)


def video(form: str, count: int = COUNT, height: int = 48, width: int = 96, times=None) -> bytes:
    container_form, codec, options = FORMS[form]
    target = io.BytesIO()
    with av.open(target, "w", format=container_form) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number, height, width), format="rgb24")
            if times is not None:
                frame.pts = times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_any_frame_is_the_one_of_its_number_whatever_the_order(form) -> None:
    file = VideoFile(video(form))
    assert file.count == COUNT
    assert (file.height_px, file.width_px) == (48, 96)
    order = [*range(COUNT), *reversed(range(COUNT)), *np.random.default_rng(3).permutation(COUNT).tolist()]
    assert [number_of(file.frame(number)) for number in order] == order
    file.close()


@pytest.mark.parametrize("form", ["mp4", "mkv", "webm of vp9"])
def test_frames_count_by_order_where_they_come_at_uneven_times(form) -> None:
    # Thousandths of seconds for Matroska, whose clock knows no less, are made of 25ths here.
    times = np.cumsum(np.random.default_rng(5).integers(1, 9, COUNT)).tolist()
    file = VideoFile(video(form, times=times))
    assert file.count == COUNT
    assert [number_of(file.frame(number)) for number in (0, 49, 20, 21, 5)] == [0, 49, 20, 21, 5]
    file.close()


def test_a_video_of_one_frame_and_of_sides_that_are_odd_is_read() -> None:
    file = VideoFile(video("webm of vp9", count=1, height=35, width=61))
    assert (file.count, file.height_px, file.width_px) == (1, 35, 61)
    assert file.frame(0).shape == (35, 61, 3)
    with pytest.raises(FrameOutside):
        file.frame(1)
    with pytest.raises(FrameOutside):
        file.frame(-1)
    file.close()


def test_few_frames_are_held_however_many_are_asked_for() -> None:
    file = VideoFile(video("mp4 of one key frame"))
    for number in reversed(range(COUNT)):
        file.frame(number)
        assert len(file._kept) <= KEPT_FRAMES
    file.close()


def test_frames_cannot_be_written_to() -> None:
    file = VideoFile(video("mp4", count=2))
    with pytest.raises(ValueError, match="read-only"):
        file.frame(0)[0, 0] = 0
    file.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_ends_early_is_refused(form) -> None:
    data = video(form)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(VideoUnreadable):
            VideoFile(data[: int(share * len(data))])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n",
        b"ffconcat version 1.0\nfile x.mp4\n",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\0\0\0\x20ftypisom" + bytes(500),
        b"\x1a\x45\xdf\xa3" + bytes(500),
        b"RIFF\xff\xff\xff\xffAVI " + bytes(500),
    ],
)
def test_what_is_no_video_is_refused(data) -> None:
    with pytest.raises(VideoUnreadable):
        VideoFile(data)


def test_a_file_with_sound_alone_is_refused() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 48_000
        container.mux(stream.encode(samples))
        container.mux(stream.encode())
    with pytest.raises(VideoUnreadable, match="no video in it"):
        VideoFile(target.getvalue())


def test_damage_in_the_middle_shows_another_frame_and_ends_nothing() -> None:
    data = bytearray(video("mp4 of reordered frames"))
    at = data.index(b"mdat")
    middle = at + (len(data) - at) // 3
    data[middle : middle + 400] = bytes(400)
    file = VideoFile(bytes(data))
    for number in range(file.count):
        assert file.frame(number).shape == (48, 96, 3)
    file.close()


def test_frames_that_are_too_large_are_refused_whoever_says_so() -> None:
    data, large = video("mkv of jpegs", count=1, height=320, width=320), (9_000).to_bytes(2)
    at = data.index(b"\xff\xc0") + 5
    assert data[at : at + 4] == 2 * (320).to_bytes(2)
    in_frames = data[:at] + 2 * large + data[at + 4 :]
    with pytest.raises(VideoUnreadable):
        VideoFile(in_frames)
    # Matroska's elements for the width and the height of a track, with two bytes each.
    for element in (b"\xb0\x82", b"\xba\x82"):
        in_frames = in_frames.replace(element + (320).to_bytes(2), element + large)
    with pytest.raises(PictureTooLarge):
        VideoFile(in_frames)
