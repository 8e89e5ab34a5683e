"""Many people clicking at once: 64 users, 32 pictures, random clicks for 60 s; the cache holds a third of them.

Every click was asked once before, alone. An answer under load that is not the same to the bit is a wrong one. The
service's resident memory is watched; its bound is what it takes after one picture and click, plus the caches as they
are configured and what may be under way, plus a tenth. The floor is one user alone.

    python benchmarks/sam_load.py [--seconds 60] [--users 64]
"""

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from io import BytesIO

import grpc
import numpy as np
import psutil
from _rig import quiet_environment, say
from _sam import photos, service, until_serving
from PIL import Image, ImageOps
from sam_click import upload

from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import SegmenterServiceStub

PICTURES = 32
CLICKS = 4
EMBEDDINGS = 12 * (12 << 20) + (6 << 20)
LOGITS = 32 << 20
# What is being made (four at once) and what waits to be shared (64 MiB at most).
UNDER_WAY = 4 * (16 << 20) + (64 << 20)


@dataclass(slots=True)
class Tally:
    """What happened under load."""

    right: int = 0
    wrong: int = 0
    failed: int = 0
    ms: list[float] = field(default_factory=list)
    tiers: dict[int, int] = field(default_factory=dict)
    rss: list[int] = field(default_factory=list)


def pictures() -> list[bytes]:
    """The photographs, and turned copies of them until there are enough."""
    found: list[bytes] = []
    for turn in (None, ImageOps.mirror, ImageOps.flip):
        for photo in photos():
            if turn is None:
                found.append(photo.data)
                continue
            file = BytesIO()
            with Image.open(BytesIO(photo.data)) as image:
                turn(image).save(file, "JPEG", quality=92)
            found.append(file.getvalue())
    return found[:PICTURES]


def click(handle: str, x: float, y: float) -> pb.SegmentRequest:
    """One click, one mask."""
    point = pb.Click(x_px=x, y_px=y, positive=True)
    return pb.SegmentRequest(
        image=pb.ImageSource(handle=handle), objects=[pb.ObjectPrompt(clicks=[point])], best_only=True
    )


async def alone(stub: SegmenterServiceStub) -> tuple[list[tuple[pb.SegmentRequest, bytes]], float]:
    """Every click with its answer, asked one after the other, and the clicks a second of that."""
    asks = []
    draw = random.Random(1)
    for data in pictures():
        warmed = await upload(stub, data)
        for _ in range(CLICKS):
            x, y = draw.uniform(0, warmed.width_px), draw.uniform(0, warmed.height_px)
            asks.append(click(warmed.handle, x, y))
    known, seconds = [], 0.0
    for ask in asks:
        await stub.Segment(ask)
        began = time.perf_counter()
        answer = await stub.Segment(ask)
        seconds += time.perf_counter() - began
        known.append((ask, answer.objects[0].masks[0].shape.SerializeToString()))
    return known, len(known) / seconds


async def user(
    stub: SegmenterServiceStub,
    known: list[tuple[pb.SegmentRequest, bytes]],
    end: float,
    tally: Tally,
    seed: int,
) -> None:
    """One person: click, look, click."""
    draw = random.Random(seed)
    while time.perf_counter() < end:
        ask, expected = draw.choice(known)
        began = time.perf_counter()
        try:
            answer = await stub.Segment(ask, timeout=60)
        except grpc.aio.AioRpcError:
            tally.failed += 1
            continue
        tally.ms.append((time.perf_counter() - began) * 1e3)
        tally.tiers[answer.cache] = tally.tiers.get(answer.cache, 0) + 1
        if answer.objects[0].masks[0].shape.SerializeToString() == expected:
            tally.right += 1
        else:
            tally.wrong += 1


async def watch(pid: int, end: float, tally: Tally) -> None:
    """Resident memory twice a second."""
    process = psutil.Process(pid)
    while time.perf_counter() < end:
        tally.rss.append(process.memory_info().rss)
        await asyncio.sleep(0.5)


async def main() -> None:
    """Ask alone, then all together."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--users", type=int, default=64)
    options = parser.parse_args()
    quiet_environment()
    tally = Tally()
    limits = {"LABELMESH_EMBEDDING_BYTES": str(EMBEDDINGS), "LABELMESH_LOGITS_BYTES": str(LOGITS)}
    with service(limits) as (address, pid):
        async with grpc.aio.insecure_channel(address) as channel:
            await until_serving(channel)
            stub = SegmenterServiceStub(channel)
            one = await upload(stub, pictures()[0])
            await stub.Segment(click(one.handle, 10, 10))
            bare = psutil.Process(pid).memory_info().rss
            known, rate = await alone(stub)
            before = psutil.Process(pid).memory_info().rss
            end = time.perf_counter() + options.seconds
            users = [user(stub, known, end, tally, seed) for seed in range(options.users)]
            await asyncio.gather(watch(pid, end, tally), *users)
    asked = tally.right + tally.wrong
    per_second = asked / options.seconds
    names = {number: pb.CacheTier.Name(number).removeprefix("CACHE_TIER_").lower() for number in tally.tiers}
    tiers = ", ".join(f"{names[number]} {count}" for number, count in sorted(tally.tiers.items()))
    say(
        f"{options.users} users, {PICTURES} pictures, {options.seconds} s: {asked} answers, {per_second:.1f}/s"
    )
    say(f"wrong answers {tally.wrong}, failed calls {tally.failed}; embeddings from {tiers}")
    say(f"p50 {np.percentile(tally.ms, 50):.0f} ms, p95 {np.percentile(tally.ms, 95):.0f} ms")
    mib = [size / 2**20 for size in (bare, before, max(tally.rss), tally.rss[-1])]
    say(
        f"resident MiB: one picture {mib[0]:.0f}, full {mib[1]:.0f}, at most {mib[2]:.0f}, at the end {mib[3]:.0f}"
    )
    bound = (bare + EMBEDDINGS + LOGITS + UNDER_WAY) * 1.1 / 2**20
    say(f"bound as configured: {bound:.0f} MiB")
    result = {
        "name": "sam_load",
        "ours": round(per_second, 2),
        "floor": round(rate, 2),
        "ratio": round(per_second / rate, 4),
        "unit": "clicks/s",
        "wrong": tally.wrong,
        "failed": tally.failed,
        "rss_mib": {
            "one_picture": round(mib[0]),
            "full": round(mib[1]),
            "most": round(mib[2]),
            "end": round(mib[3]),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
