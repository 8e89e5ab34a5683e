"""How much of the endpoint's speed the whole text line keeps, and what an item costs.

4,000 texts go import -> event -> model call -> rules -> stored label, against a local endpoint that answers after
500 ms (and after 50 ms), 128 calls under way. The floor is a bare gather loop of the `openai` async client on its
fastest transport (aiohttp, raw `post`), with the same requests against the same stub in the same run.

    python benchmarks/annotate.py [--items 4000] [--concurrency 128]
"""

import argparse
import asyncio
import json
import time

import httpx2
import uvloop
from _rig import CATEGORIES, LineRun, line, quiet_environment, run_line, say, stub, texts
from openai import AsyncOpenAI, DefaultAioHttpClient

TARGET_RATIO = 0.85
TARGET_CPU_MS = 8.0


def request(text: str) -> dict[str, object]:
    """A chat completion like the annotator's: a system message, a schema, log-probabilities."""
    schema = {
        "type": "object",
        "properties": {"category": {"type": "string", "enum": list(CATEGORIES)}},
        "required": ["category"],
        "additionalProperties": False,
    }
    return {
        "model": "stub",
        "messages": [
            {"role": "system", "content": "Choose the category of the text. " + ", ".join(CATEGORIES)},
            {"role": "user", "content": text},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        },
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 5,
        "max_tokens": 64,
    }


async def floor(base_url: str, items: int, concurrency: int) -> float:
    """Calls a second of a bare gather loop."""
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    http = DefaultAioHttpClient(limits=limits)
    async with AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, http_client=http) as client:
        gate = asyncio.Semaphore(concurrency)

        async def one(text: str) -> None:
            async with gate:
                reply = await client.post("/chat/completions", cast_to=httpx2.Response, body=request(text))
                json.loads(reply.content)["choices"][0]["message"]["content"]

        started = time.perf_counter()
        await asyncio.gather(*(one(text) for text in texts(items)))
        return items / (time.perf_counter() - started)


async def pair(delay_ms: int, items: int, concurrency: int) -> tuple[float, LineRun]:
    """The floor and the line at one delay."""
    async with stub(delay_ms) as base_url:
        bare = await floor(base_url, items, concurrency)
        say(f"{delay_ms} ms: bare openai loop {bare:.1f} items/s")
        async with line(base_url, concurrency) as (stack, client):
            await run_line(stack, client, "warm", 200)
            run = await run_line(stack, client, "measured", items)
    parts = ", ".join(f"{name} {run.cpu_s[name] / items * 1e3:.2f}" for name in run.cpu_s)
    say(f"{delay_ms} ms: whole line {run.rate:.1f} items/s, ratio {run.rate / bare:.3f}")
    say(f"{delay_ms} ms: {run.cpu_ms():.2f} CPU ms an item over the services ({parts})")
    return bare, run


async def main() -> None:
    """Measure at 50 ms and at 500 ms; the last line is about 500 ms."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=4_000)
    parser.add_argument("--concurrency", type=int, default=128)
    options = parser.parse_args()
    quiet_environment()
    fast_bare, fast = await pair(50, options.items, options.concurrency)
    bare, run = await pair(500, options.items, options.concurrency)
    say(f"targets at 500 ms: ratio >= {TARGET_RATIO}, CPU <= {TARGET_CPU_MS} ms an item")
    result = {
        "name": "annotate",
        "ours": round(run.rate, 2),
        "floor": round(bare, 2),
        "ratio": round(run.rate / bare, 4),
        "unit": "items/s",
        "cpu_ms_an_item": round(run.cpu_ms(), 3),
        "at_50_ms": {
            "ours": round(fast.rate, 2),
            "floor": round(fast_bare, 2),
            "ratio": round(fast.rate / fast_bare, 4),
            "cpu_ms_an_item": round(fast.cpu_ms(), 3),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    uvloop.run(main())
