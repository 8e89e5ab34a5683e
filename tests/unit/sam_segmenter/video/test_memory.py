"""Long films take no more memory than short ones."""

import io
import os
from pathlib import Path

import av
import numpy as np

from sam_segmenter.video.file import VideoFile


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def film(count: int) -> bytes:
    """Noise that moves, 240 x 320, a key frame every 50."""
    target = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "50", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        for number in range(count):
            pixels = np.kron(np.roll(noise, number, axis=1), np.ones((8, 8, 1), dtype=np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def test_two_thousand_frames_forward_and_backward_hold_what_two_hundred_hold() -> None:
    file = VideoFile(film(2_000))
    held = {}
    for number in range(2_000):
        file.frame(number)
        held[number] = resident_bytes()
    for number in range(1_999, 1_000, -1):
        file.frame(number)
    assert held[1_999] < 1.1 * held[200]
    assert resident_bytes() < 1.1 * held[200] + (32 << 20)
    file.close()
