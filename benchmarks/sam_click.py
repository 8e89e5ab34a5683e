"""What a click costs: Segment over gRPC with the embedding cached, mask out as run lengths, against the bare decoder.

The floor is one run of the stock decoder cut to its four masks, in ONNX Runtime with the same number of threads and its
default options, in turns with our calls in the same run. segment-anything's own decoder modules run on the same weights
too, in torch, in an environment that is made for them.

    python benchmarks/sam_click.py [--clicks 300] [--without-torch]
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import _torch
import grpc
import numpy as np
import onnx
import onnxruntime as ort
from _rig import quiet_environment, say
from _sam import centre, model_folder, photos, service, until_serving

from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import SegmenterServiceStub
from sam_segmenter import decoder_graph, frame
from sam_segmenter.decoder import Decoder, ModelPrompt
from sam_segmenter.prompts import Click, Prompt, to_model
from sam_segmenter.sharpness import Sharpness

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import torch_environment

THREADS = 2
TARGET_P50, TARGET_P95 = 1.0, 1.3


class Bare:
    """The stock four-mask session, and a made-up embedding to run it on."""

    def __init__(self) -> None:
        stock = onnx.load(str(model_folder() / "decoder.onnx"))
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        four = decoder_graph.four_masks(stock).SerializeToString()
        self._session = ort.InferenceSession(four, options, providers=["CPUExecutionProvider"])
        random = np.random.default_rng(1)
        self._fixed = {
            decoder_graph.EMBEDDING: random.standard_normal((1, 256, 64, 64), dtype=np.float32),
            decoder_graph.MASK: np.zeros((1, 1, 256, 256), np.float32),
            decoder_graph.HAS_MASK: np.zeros(1, np.float32),
        }

    def run(self, click: Click, height: int, width: int) -> None:
        """One decoding."""
        prompt = to_model(Prompt((click,)), frame.whole(height, width))
        xy = np.concatenate((prompt.xy, np.zeros((1, 2), np.float32)))[None]
        labels = np.append(prompt.labels, np.float32(-1))[None]
        feed = {**self._fixed, decoder_graph.POINTS: xy, decoder_graph.LABELS: labels}
        self._session.run(None, feed)


async def upload(stub: SegmenterServiceStub, data: bytes) -> pb.WarmImageResponse:
    """Store and encode a picture."""

    async def chunks():
        for start in range(0, len(data), 1 << 18):
            yield pb.UploadImageRequest(chunk=data[start : start + (1 << 18)])

    stored = await stub.UploadImage(chunks())
    return await stub.WarmImage(pb.WarmImageRequest(image=pb.ImageSource(content=stored.content)))


async def measure(address: str, clicks: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of our calls, of the bare runs, and of the decoder inside our calls."""
    bare, ours, floor, inner = Bare(), [], [], []
    pictures = photos()[:6]
    async with grpc.aio.insecure_channel(address) as channel:
        await until_serving(channel)
        stub = SegmenterServiceStub(channel)
        warmed = [(await upload(stub, photo.data), photo.things) for photo in pictures if photo.things]
        for number in range(clicks + 10):
            picture, things = warmed[number % len(warmed)]
            click = centre(things[number % len(things)].mask)
            request = pb.SegmentRequest(
                image=pb.ImageSource(handle=picture.handle),
                objects=[pb.ObjectPrompt(clicks=[pb.Click(x_px=click.x_px, y_px=click.y_px, positive=True)])],
            )
            began = time.perf_counter()
            answer = await stub.Segment(request)
            between = time.perf_counter()
            bare.run(click, picture.height_px, picture.width_px)
            ended = time.perf_counter()
            assert answer.cache == pb.CACHE_TIER_MEMORY
            assert len(answer.objects[0].masks) == 3
            if number >= 10:
                ours.append((between - began) * 1e3)
                floor.append((ended - between) * 1e3)
                inner.append(answer.timings.decode_ms)
    return ours, floor, inner


def beside_torch(python: str, runs: int) -> float:
    """Median milliseconds of segment-anything's own decoder modules; they must answer what ours does."""
    path = model_folder() / "decoder.onnx"
    ours = Decoder(path, THREADS)
    random = np.random.default_rng(2)
    embedding = random.standard_normal((256, 64, 64), dtype=np.float32).astype(np.float16)
    features = ours.prepare(embedding, Sharpness(np.zeros((64, 64), np.float16)))
    prompt = ModelPrompt(np.asarray([[300.5, 500.5]], np.float32), np.ones(1, np.float32))
    expected = ours.decode(features, prompt)
    median, answer = _torch.run(python, path, embedding.astype(np.float32), prompt, THREADS, runs)
    apart = float(np.abs(answer.logits - expected.logits).max())
    assert apart < 1e-3, f"torch's logits differ by {apart}"
    say(f"segment-anything's modules on the same weights: largest difference of a logit {apart:.1e}")
    return median


async def main() -> None:
    """Measure; the last line is the p50."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clicks", type=int, default=300)
    parser.add_argument("--without-torch", action="store_true")
    options = parser.parse_args()
    quiet_environment()
    with service({"LABELMESH_DECODER_THREADS": str(THREADS)}) as (address, _pid):
        ours, floor, inner = await measure(address, options.clicks)
    p50, p95 = (np.percentile(ours, q) for q in (50, 95))
    f50, f95 = (np.percentile(floor, q) for q in (50, 95))
    say(f"Segment over gRPC, three masks out: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    say(f"of which the decoder: p50 {np.percentile(inner, 50):.1f} ms")
    say(f"bare stock four-mask session:       p50 {f50:.1f} ms, p95 {f95:.1f} ms")
    say(f"ratios: p50 {p50 / f50:.3f} (target <= {TARGET_P50}), p95 {p95 / f95:.3f} (target <= {TARGET_P95})")
    result = {
        "name": "sam_click",
        "ours": round(float(p50), 3),
        "floor": round(float(f50), 3),
        "ratio": round(float(p50 / f50), 4),
        "unit": "ms",
        "p95": {
            "ours": round(float(p95), 3),
            "floor": round(float(f95), 3),
            "ratio": round(float(p95 / f95), 4),
        },
    }
    if not options.without_torch:
        torch = beside_torch(str(torch_environment.python()), options.clicks // 4)
        say(f"segment-anything's decoder modules in torch: p50 {torch:.1f} ms, ratio {p50 / torch:.3f}")
        result["torch"] = {"p50": round(torch, 3), "ratio": round(float(p50 / torch), 4)}
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
