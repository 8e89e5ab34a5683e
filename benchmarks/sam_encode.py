"""Pictures a second that Triton encodes for our clients, beside the bare encoder on as many threads.

Eight callers of one TritonEncoder, a real tritonserver (instances x threads = all cores); the floor is a loop over
the stock encoder's own ONNX Runtime session with as many threads, its floats prepared beforehand. The two take turns
in the same run, so that what else the machine does meets both.

    python benchmarks/sam_encode.py [--rounds 5] [--pictures 16] [--clients 8] [--instances N] [--wire]
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from _sam import PHOTOS, model_folder

from sam_segmenter.encoder_graph import DEVIATION, MEAN
from sam_segmenter.export import repository
from sam_segmenter.export.configuration import Placement, Target
from sam_segmenter.frame import Floats, Pixels, to_square, whole
from sam_segmenter.triton import TritonEncoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from triton_server import triton_server

TARGET_RATIO = 0.90
CORES = len(os.sched_getaffinity(0))
Square = tuple[Pixels, int, int]


def squares() -> list[Square]:
    """The photographs as the encoder takes them, with the size of the filled part."""
    made = []
    for path in sorted(PHOTOS.glob("*.jpg")):
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(np.uint8)
        region = whole(*pixels.shape[:2])
        made.append((to_square(pixels, region), *region.input_size))
    return made


def floats(square: Square) -> Floats:
    """What a stock encoder takes, 1 x 3 x 1024 x 1024."""
    pixels, height, width = square
    values = (pixels - np.float32(MEAN)) / np.float32(DEVIATION)
    values[height:] = 0
    values[:, width:] = 0
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def bare(session: onnxruntime.InferenceSession, inputs: Sequence[Floats], count: int) -> float:
    """Seconds for so many pictures, one after the other."""
    (name,) = (value.name for value in session.get_inputs())
    started = time.perf_counter()
    for at in range(count):
        session.run(None, {name: inputs[at % len(inputs)]})
    return time.perf_counter() - started


async def ours(encoder: TritonEncoder, pictures: Sequence[Square], count: int, clients: int) -> float:
    """Seconds for so many pictures while that many callers keep asking: from one answer to the last that is counted."""
    answered: list[float] = []
    turn = itertools.cycle(pictures)

    async def client() -> None:
        while len(answered) <= count:
            await encoder.encode(*next(turn))
            answered.append(time.perf_counter())

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered[count] - answered[0]


async def measure(options: argparse.Namespace, url: str, stock: Path) -> tuple[float, float]:
    """Pictures a second of ours and of the bare session."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = CORES
    session = onnxruntime.InferenceSession(str(stock), settings, providers=["CPUExecutionProvider"])
    pictures = squares()
    inputs = [floats(square) for square in pictures[: options.pictures]]
    encoder = TritonEncoder(url, repository.ENCODER, seconds=600, shared_memory=not options.wire)
    took = {"ours": 0.0, "floor": 0.0}
    try:
        bare(session, inputs, 1)
        await ours(encoder, pictures, CORES, options.clients)
        for number in range(options.rounds):
            floor_s = await asyncio.to_thread(bare, session, inputs, options.pictures)
            ours_s = await ours(encoder, pictures, options.pictures, options.clients)
            took["floor"] += floor_s
            took["ours"] += ours_s
            say(
                f"round {number + 1}: bare {floor_s:.1f} s, Triton {ours_s:.1f} s, ratio {floor_s / ours_s:.3f}"
            )
    finally:
        await encoder.close()
    total = options.rounds * options.pictures
    return total / took["ours"], total / took["floor"]


def say(text: str) -> None:
    """To whom watches."""
    print(text, flush=True)


def main() -> None:
    """Write a repository, serve it, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=16, help="in each round")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument(
        "--instances", type=int, default=CORES, help="copies of the encoder; they share the cores"
    )
    parser.add_argument("--wire", action="store_true", help="without shared memory")
    options = parser.parse_args()
    folder = model_folder()
    place = Placement(Target.CPU, options.instances, 1, max(1, CORES // options.instances))
    with tempfile.TemporaryDirectory(prefix="labelmesh-triton-") as place_folder:
        models = Path(place_folder) / "models"
        models.mkdir()
        repository.write(folder / "encoder.onnx", folder / "decoder.onnx", models, "sam", place)
        with triton_server(models, Path(place_folder) / "log") as server:
            rate, floor = asyncio.run(measure(options, server.url, folder / "encoder.onnx"))
    say(f"{place.instances} x {place.threads} threads, target: ratio >= {TARGET_RATIO}")
    result = {"name": "sam_encode", "ours": round(rate, 3), "floor": round(floor, 3)}
    print(json.dumps(result | {"ratio": round(rate / floor, 4), "unit": "pictures/s"}))


if __name__ == "__main__":
    main()
