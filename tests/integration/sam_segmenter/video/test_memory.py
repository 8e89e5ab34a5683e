"""What a tracker encodes and holds over a longer film. The encoder is one convolution, so masks mean nothing here."""

import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from chassis.blobs import Blobs
from labels.label import Box
from sam_segmenter import model
from sam_segmenter.embeddings import Nowhere
from sam_segmenter.pictures import Pictures
from sam_segmenter.prompts import Prompt
from sam_segmenter.settings import Settings
from sam_segmenter.video.file import VideoFile
from sam_segmenter.video.frames import FileFrames
from sam_segmenter.video.tracker import Sam1Tracker

BEAR, COUNT = 7, 80


@pytest.fixture
def quick_dir(sam_dir: Path, tmp_path: Path) -> Path:
    """The real decoder beside an encoder that takes no time."""
    weights = np.random.default_rng(1).normal(0, 0.02, (256, 3, 16, 16)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weights"], ["out"], strides=[16, 16])],
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 1024, 1024])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 256, 64, 64])],
        [numpy_helper.from_array(weights, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    onnx.save(made, tmp_path / "encoder.onnx")
    (tmp_path / "decoder.onnx").write_bytes((sam_dir / "decoder.onnx").read_bytes())
    return tmp_path


async def test_late_frames_hold_what_early_ones_held(quick_dir, film, things) -> None:
    made = film(COUNT, (things[BEAR], lambda number: (0.3 + 0.005 * number, 0.5)))
    settings, pictures = Settings(sam_model_dir=quick_dir), Pictures(Blobs("memory:"))
    identity = model.identify(quick_dir, "small")
    async with model.segmenter(settings, quick_dir, identity, pictures, Nowhere()) as segmenter:
        frames = FileFrames(VideoFile(made.file()), 64 * "a")
        tracker = Sam1Tracker(frames, segmenter, "alpha")
        # One more prompt every few frames, so that there is always something to decode.
        for number in range(0, COUNT, 4):
            await tracker.prompt(number, 1, Prompt(box=Box(*made.box(0, number))))
        cached, held = segmenter._embeddings.bytes, {}
        tracemalloc.start()
        async for step in tracker.propagate(0, 1):
            held[step.frame] = tracemalloc.get_traced_memory()[0]
            assert len(step.cursor) < 64 << 10
        tracemalloc.stop()
        assert [*held] == list(range(COUNT))
        # A picture that a thread is about to let go of may be counted; the least of some frames is what is held.
        early, late = (min(held[number] for number in range(at, at + 20)) for at in (25, 60))
        assert late - early < 256 << 10
        # Frames that passed by pushed nothing out and took no room.
        assert segmenter._embeddings.bytes == cached
        await frames.close()
