"""Whether an item costs the same at 50,000 items as at 5,000, and whether memory stays flat.

Each size runs on a fresh stack against a stub endpoint without delay. The cost of an item is the processor time that
all processes of the line spent on it; wall time is reported beside it.

    python benchmarks/pipeline.py [--small 5000] [--large 50000]
"""

import argparse
import json

import uvloop
from _rig import SERVICES, LineRun, line, quiet_environment, run_line, say, stub

TARGET_RATIO = 1.15
TARGET_MEMORY = 1.10
CONCURRENCY = 64
ALL = (*SERVICES, "nats-server")


async def measure(items: int) -> LineRun:
    """One run of that many items on a fresh stack, after a warm-up that loads what is loaded once."""
    async with stub(0) as base_url, line(base_url, CONCURRENCY) as (stack, client):
        await run_line(stack, client, "warm", 500)
        run = await run_line(stack, client, "measured", items)
    memory = ", ".join(f"{name} {run.rss_bytes[name] / 2**20:.0f}" for name in ALL)
    say(
        f"{items} items: {run.rate:.1f} items/s, {run.cpu_ms(ALL):.3f} CPU ms an item; resident MiB: {memory}"
    )
    return run


async def main() -> None:
    """Measure both sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--large", type=int, default=50_000)
    options = parser.parse_args()
    quiet_environment()
    small = await measure(options.small)
    large = await measure(options.large)
    memory = {name: round(large.rss_bytes[name] / small.rss_bytes[name], 3) for name in SERVICES}
    say(f"targets: cost ratio <= {TARGET_RATIO}, memory of each service <= {TARGET_MEMORY}")
    result = {
        "name": "pipeline",
        "ours": round(large.cpu_ms(ALL), 4),
        "floor": round(small.cpu_ms(ALL), 4),
        "ratio": round(large.cpu_ms(ALL) / small.cpu_ms(ALL), 4),
        "unit": "CPU ms/item",
        "wall_ratio": round(small.rate / large.rate, 4),
        "memory_ratio": memory,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    uvloop.run(main())
