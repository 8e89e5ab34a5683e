"""The local model server with real weights: what the annotator and the supervisor rely on."""

import asyncio
import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

CATEGORIES = ["bug", "praise", "question"]
SCHEMA = {
    "type": "object",
    "properties": {"category": {"type": "string", "enum": CATEGORIES}},
    "required": ["category"],
    "additionalProperties": False,
}
ENTITIES = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "maxLength": 20},
                    "category": {"enum": ["PERSON", "PLACE"]},
                },
                "required": ["text", "category"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}
INSTRUCTION = (
    "You sort messages of customers into one category. Answer with one JSON object and nothing else. "
    'Categories: "bug", "praise", "question".'
)


def format_of(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


@pytest.fixture
async def client(server):
    async with AsyncOpenAI(api_key="none", base_url=f"http://{server.address}/v1", max_retries=0) as made:
        yield made


async def ask(client, text, schema=SCHEMA, **more):
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]
    return await client.chat.completions.create(
        model="smollm2",
        messages=messages,
        response_format=format_of(schema),
        temperature=0,
        max_tokens=200,
        **more,
    )


async def test_a_schema_holds_the_answer_and_log_probabilities_spell_it(client) -> None:
    reply = await ask(client, "The export crashes every time.", logprobs=True, top_logprobs=5)
    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    assert json.loads(choice.message.content)["category"] in CATEGORIES
    assert choice.logprobs is not None
    tokens = choice.logprobs.content
    # A model may put its JSON into a fence: the server strips that from the content, not from the tokens.
    assert choice.message.content in "".join(token.token for token in tokens)
    assert all(len(token.top_logprobs) == 5 for token in tokens)
    assert all(token.logprob <= 1e-6 and math.isfinite(token.logprob) for token in tokens)
    assert reply.usage.completion_tokens > 0


async def test_entities_come_in_their_schema(client) -> None:
    reply = await ask(client, "Marta Ilves flew to Lagos.", ENTITIES)
    entities = json.loads(reply.choices[0].message.content)["entities"]
    assert all(entity["category"] in ("PERSON", "PLACE") for entity in entities)


async def test_the_common_beginning_of_prompts_is_computed_once(client) -> None:
    await ask(client, "It is slow today.")
    reply = await ask(client, "How do I change my name?")
    cached = reply.usage.prompt_tokens_details.cached_tokens
    assert cached > reply.usage.prompt_tokens / 2


async def test_more_requests_than_places_are_all_answered(client) -> None:
    texts = [f"Message number {number}: it works." for number in range(6)]
    replies = await asyncio.gather(*(ask(client, text) for text in texts))
    assert all(json.loads(reply.choices[0].message.content) for reply in replies)


async def test_a_prompt_that_is_too_long_is_refused(client) -> None:
    with pytest.raises(BadRequestError, match="context"):
        await ask(client, "word " * 2000)


async def test_the_model_answers_under_its_alias(client) -> None:
    assert [model.id async for model in client.models.list()] == ["smollm2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(weights: Path, starting, number: signal.Signals) -> None:
    start, stop = starting
    assert stop(start(weights, "--parallel", "1", "--ctx", "512"), number) == 0


def test_it_ends_at_once_while_answers_are_under_way(weights: Path, starting) -> None:
    start, stop = starting
    made = start(weights, "--parallel", "1", "--ctx", "4096")
    body = {"messages": [{"role": "user", "content": "Tell a story."}], "max_tokens": 4000, "stream": True}
    body["logit_bias"] = [[2, False]]  # the token that ends an answer: without it the story is long
    url = f"http://{made.address}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, timeout=60) as response:
        next(response.iter_lines())
        assert stop(made) == 0


def failed(*arguments: str) -> str:
    command = [sys.executable, "-m", "labelmesh.local.model_server", "--alias", "x", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def test_what_a_user_can_do_wrong_is_one_sentence(tmp_path: Path, weights: Path, server) -> None:
    port = server.address.rpartition(":")[2]
    assert "no model file at" in failed("--model", str(tmp_path / "none"), "--port", "0")
    assert "1 to 64 parallel" in failed("--model", str(weights), "--port", "0", "--parallel", "0")
    assert f"port {port}: the port is taken" in failed("--model", str(weights), "--port", port)
    (tmp_path / "junk.gguf").write_text("not weights")
    assert "is no model file" in failed("--model", str(tmp_path / "junk.gguf"), "--port", "0")


def test_no_text_of_a_customer_reaches_the_log(weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labelmesh.local.model_server", "--model", str(weights), "--port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--alias", "smollm2", "--ctx", "512"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        address = json.loads(process.stdout.readline())["address"]
        body = {"messages": [{"role": "user", "content": "Sesquipedalian zebra"}], "max_tokens": 4}
        for content in (
            json.dumps(body),
            json.dumps(body)[:-3],
            json.dumps(body | {"max_tokens": "Sesquipedalian"}),
        ):
            httpx.post(f"http://{address}/v1/chat/completions", content=content, timeout=60)
        process.terminate()
        process.communicate(timeout=30)
    assert "Sesquipedalian" not in (tmp_path / "log").read_text(errors="replace")
