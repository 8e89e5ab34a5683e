"""The model endpoint: OpenAI-compatible chat completions. The only room that imports openai.

Requests are plain dictionaries sent with the client's documented `post` for any path, over its aiohttp
transport: the typed `chat.completions.create` walks every message of the request and builds a model of every
token of the response, which costs three times as much processor time as everything else in the call.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import jiter
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from chassis.log import get_logger
from llm_annotator.annotator import Completion
from llm_annotator.errors import AnnotatorError, LogprobsMissing, ReplyRefused, TransientFault
from llm_annotator.faults import SchemaRefused, status_error
from llm_annotator.plan import Plan
from llm_annotator.prompt import Message

MAX_REPLY_BYTES = 16 << 20
MAX_REMEMBERED_SCHEMAS = 1_024
_MAX_FINGERPRINT = 256

# How the output is held to the schema, from strict to not at all; what was refused is not asked again.
_STRICT, _OBJECT, _FREE = range(3)


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = model
        self._formats: dict[str, int] = {}
        self._log = get_logger()

    async def complete(self, messages: Sequence[Message], plan: Plan) -> Completion:
        """One reply, or the typed error that says who has to act.

        ItemError, EndpointError, TransientFault.
        """
        while True:
            form = self._formats.get(plan.schema_json, _STRICT)
            try:
                return await self._ask(self._body(messages, plan, form))
            except SchemaRefused as refusal:
                if form == _FREE:
                    raise refusal.otherwise from None
                self._degrade(plan.schema_json, form + 1)

    def _degrade(self, schema_json: str, form: int) -> None:
        if len(self._formats) >= MAX_REMEMBERED_SCHEMAS:
            self._formats.clear()
        if self._formats.get(schema_json, _STRICT) < form:
            self._formats[schema_json] = form
            self._log.warning("output_format_degraded", form=("strict", "json_object", "free")[form])

    def _body(self, messages: Sequence[Message], plan: Plan, form: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "temperature": plan.sampling.temperature,
            "seed": plan.sampling.seed,
            "max_tokens": plan.sampling.max_tokens,
            "logprobs": True,
            "top_logprobs": plan.sampling.top_logprobs,
        }
        if form == _STRICT:
            schema = {"name": "answer", "strict": True, "schema": plan.parser.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form == _OBJECT:
            body["response_format"] = {"type": "json_object"}
        return body

    async def _ask(self, body: dict[str, Any]) -> Completion:
        try:
            response = await self._client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            raise status_error(error.status_code, _said(error), error.response.headers) from None
        except openai.APITimeoutError as error:
            raise TransientFault(f"The model endpoint did not answer in time{_cause(error)}.") from None
        except openai.APIConnectionError as error:
            raise TransientFault(f"The model endpoint cannot be reached{_cause(error)}.") from None
        except openai.OpenAIError as error:
            raise TransientFault(f"The model endpoint's answer could not be read{_cause(error)}.") from None
        return completion(response.content, self._model)


def completion(data: bytes, model: str) -> Completion:
    """The chat completion in a response body; raises ReplyRefused, LogprobsMissing or TransientFault."""
    if len(data) > MAX_REPLY_BYTES:
        raise TransientFault("The model endpoint's answer is too large.")
    try:
        return _completion(jiter.from_json(data), model)
    except AnnotatorError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError):
        # A gateway's page with status 200 says nothing about this text.
        raise TransientFault("The model endpoint's answer is not a chat completion.") from None


def _completion(reply: Any, model: str) -> Completion:
    choice = reply["choices"][0]
    message = choice["message"]
    reason = choice.get("finish_reason")
    if reason == "content_filter" or message.get("refusal"):
        raise ReplyRefused
    tokens = (choice.get("logprobs") or {}).get("content")
    text = message.get("content") or ""
    if text and not isinstance(tokens, list):
        raise LogprobsMissing
    usage = reply.get("usage") or {}
    return Completion(
        text=str(text),
        cut=reason == "length",
        tokens=tokens or [],
        model=model,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        fingerprint=_fingerprint(reply.get("system_fingerprint")),
    )


def _fingerprint(value: object) -> str:
    """What the endpoint calls the version that answered, as one line of at most 256 characters."""
    return "".join(c for c in value if c.isprintable())[:_MAX_FINGERPRINT] if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0


def _cause(error: Exception) -> str:
    """The name of what the transport ran into: a refused connection and an unknown host look alike otherwise."""
    return f" ({type(error.__cause__).__name__})" if error.__cause__ else ""


def _said(error: openai.APIStatusError) -> str:
    """What the endpoint says about an error, for recognising it; never shown or logged.

    It may quote the text.
    """
    return f"{error.code or ''} {error.type or ''} {error.message}"[:10_000]


@asynccontextmanager
async def connect(
    *, base_url: str, api_key: str, model: str, timeout_seconds: float, connections: int
) -> AsyncIterator[OpenAIModel]:
    """A client for the endpoint; retries are the caller's."""
    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60
    )
    client = AsyncOpenAI(
        # An endpoint without authentication still wants the header to be well formed.
        api_key=api_key or "none",
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
        http_client=DefaultAioHttpClient(limits=limits),
    )
    async with client:
        yield OpenAIModel(client, model)
