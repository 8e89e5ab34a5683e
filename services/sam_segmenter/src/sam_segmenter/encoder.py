"""From a picture to its embedding: what every encoder can do, and the one in this process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sam_segmenter import encoder_graph
from sam_segmenter.encoder_graph import EMBEDDING, EMBEDDING_SHAPE, PIXELS, SIZE
from sam_segmenter.errors import EncoderSlow, EncoderUnavailable, ModelUnusable
from sam_segmenter.frame import SIDE_PX, Pixels

#: An image embedding: half precision, 256 x 64 x 64.
Half = NDArray[np.float16]

#: Pictures that may wait for an encoder; each has 3 MiB of pixels with it.
MAX_WAITING = 64


class Encoder(Protocol):
    """Makes embeddings of pictures."""

    @property
    def name(self) -> str:
        """What it runs on: "onnxruntime" or "triton"."""
        ...

    async def encode(self, square: Pixels, height_px: int, width_px: int) -> Half:
        """The embedding, 256 x 64 x 64, of a square 1024 x 1024 x 3 in RGB.

        The picture fills its upper left part of `height_px` x `width_px`, 1 to 1024 each. Raises EncoderUnavailable,
        EncoderSlow or EncoderUnfit.
        """
        ...

    async def close(self) -> None:
        """Let go of threads and connections; nothing is encoded afterwards."""
        ...


class Room:
    """Bounds how many wait: `with room:` raises EncoderUnavailable when it is full."""

    def __init__(self, places: int) -> None:
        """Room for that many at once."""
        self._free = places

    def __enter__(self) -> None:
        if self._free <= 0:
            raise EncoderUnavailable
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


class OnnxEncoder:
    """ONNX Runtime in this process; one picture at a time on `threads` cores, the others wait their turn."""

    name = "onnxruntime"

    def __init__(
        self, source: Path | bytes, threads: int = 0, seconds: float = 60.0, waiting: int = MAX_WAITING
    ) -> None:
        """Load a stock encoder or one with our inputs, which takes a second. Raises ModelUnusable.

        `threads` 0 takes all cores; an encoding with its wait takes at most `seconds`; beyond `waiting` pictures are
        refused.
        """
        self._session = _session(source, threads)
        self._seconds = seconds
        self._room = Room(waiting)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._turn = asyncio.Lock()

    async def encode(self, square: Pixels, height_px: int, width_px: int) -> Half:
        """As Encoder says. Whoever stops waiting leaves the line at once."""
        try:
            with self._room:
                async with asyncio.timeout(self._seconds), self._turn:
                    # A picture whose caller left keeps the thread for a moment; one waits for it there, no more.
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self._thread, self._run, square, height_px, width_px)
        except TimeoutError as error:
            raise EncoderSlow from error

    async def close(self) -> None:
        """Wait for the picture under way."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _run(self, square: Pixels, height_px: int, width_px: int) -> Half:
        size = np.asarray([[height_px, width_px]], dtype=np.int64)
        pixels = square.reshape(1, SIDE_PX, SIDE_PX, 3)
        embedding: Half = self._session.run([EMBEDDING], {PIXELS: pixels, SIZE: size})[0]
        return embedding.reshape(EMBEDDING_SHAPE)


def _session(source: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    model = encoder_graph.with_pixels(encoder_graph.load(source))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin after an encoding would take the cores from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if isinstance(source, Path):
        # Weights in files of their own: more than 2 GiB do not fit into one message.
        folder = str(source.resolve().parent)
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no name of their own in common
        raise ModelUnusable("The encoder cannot be loaded: its weights or its graph are damaged.") from error
