"""The model that drafts rules, behind an OpenAI-compatible endpoint. The only room of plugins that imports openai."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from qa_engine.plugins.errors import DraftUnavailable

MAX_REPLY_BYTES = 1 << 20
MAX_REPLY = 64 << 10
_TOKENS = 2_048
_LATER_TEMPERATURE = 0.6
_BAD_REQUEST = 400


class OpenAIDrafter:
    """A model that is asked for one reply at a time; retries are the caller's."""

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = model

    @property
    def name(self) -> str:
        """What its endpoint calls it."""
        return self._model

    async def complete(self, messages: Sequence[dict[str, str]], schema: dict[str, Any], attempt: int) -> str:
        """Its reply to a conversation, at most 64 KiB, held to a JSON schema; raises DraftUnavailable.

        The first attempt is the likeliest reply, later ones are drawn, so that a mistake is not only repeated.
        """
        form = {"type": "json_schema", "json_schema": {"name": "rule", "schema": schema}}
        try:
            try:
                return await self._ask(messages, form, attempt)
            except openai.APIStatusError as error:
                # Not every endpoint holds a model to a schema.
                if error.status_code != _BAD_REQUEST:
                    raise
                return await self._ask(messages, None, attempt)
        except openai.APIStatusError as error:
            raise DraftUnavailable(f"The model endpoint answered {error.status_code}.") from None
        except openai.OpenAIError as error:
            # Not the error's own words: they may quote the request.
            raise DraftUnavailable(f"The model endpoint cannot be used ({type(error).__name__}).") from None

    async def _ask(
        self, messages: Sequence[dict[str, str]], form: dict[str, Any] | None, attempt: int
    ) -> str:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": list(messages),
            "temperature": 0 if attempt == 1 else _LATER_TEMPERATURE,
            "seed": attempt,
            "max_tokens": _TOKENS,
        }
        if form is not None:
            body["response_format"] = form
        response = await self._client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        if len(response.content) > MAX_REPLY_BYTES:
            raise DraftUnavailable("The model endpoint's answer is too large.")
        try:
            text = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise DraftUnavailable("The model endpoint's answer is not a chat completion.") from None
        return text[:MAX_REPLY] if isinstance(text, str) else ""


@asynccontextmanager
async def connect(
    *, base_url: str, api_key: str, model: str, timeout_seconds: float
) -> AsyncIterator[OpenAIDrafter]:
    """A client for the endpoint; nothing is sent before a rule is drafted."""
    client = AsyncOpenAI(
        # An endpoint without authentication still wants the header to be well formed.
        api_key=api_key or "none",
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
        http_client=DefaultAioHttpClient(),
    )
    async with client:
        yield OpenAIDrafter(client, model)
