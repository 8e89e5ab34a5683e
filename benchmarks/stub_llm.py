"""A stand-in for a language model endpoint, used by benchmarks and tests: a fake at the rim.

It speaks enough of the OpenAI chat-completions protocol (JSON Schema replies, log-probabilities,
usage, `n`) to put a measured load on everything in front of it, costs next to no processor time
itself, and fails on command. No model runs here and the answers mean nothing.

    python benchmarks/stub_llm.py --port 8080 --delay-ms 500
    curl -X POST -d '{"mode": "429", "calls": 3, "retry_after": 1}' http://127.0.0.1:8080/control

`GET /control` tells the counters. `POST /control` takes any of: mode ("ok", an HTTP error status
such as "429", "hang", "malformed", "cut"), calls (how many calls fail before it recovers; null: all),
every (only each n-th call fails), retry_after (seconds, may be null), delay_ms,
contents (list of texts given verbatim to the next calls), max_prompt_tokens, reset (counters to zero).
A text with the marker [[some category]] is given that category; [[malformed]] spoils every reply to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop
from stub_replies import Answer, Choices, answer, malformed

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_CHOICES = 16
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
MODELS = b'{"object":"list","data":[{"id":"stub","object":"model","created":1,"owned_by":"stub"}]}'
MODES = ("ok", "hang", "malformed", "cut")


@dataclass(slots=True)
class Behaviour:
    """What the endpoint does at the moment and what it has counted."""

    delay_ms: float = 0.0
    mode: str = "ok"
    calls: int | None = None
    every: int = 1
    retry_after: float | None = 1.0
    max_prompt_tokens: int = 32_768
    contents: deque[str] = field(default_factory=deque)
    asked: int = 0
    failed: int = 0
    open_calls: int = 0
    most_open_calls: int = 0

    def change(self, wanted: dict[str, Any]) -> None:
        """Apply a control message. Raises ValueError with a sentence when it makes no sense."""
        unknown = wanted.keys() - {*SETTINGS, "reset"}
        if unknown:
            raise ValueError(f"unknown control fields: {', '.join(sorted(unknown))}")
        mode = str(wanted.get("mode", self.mode))
        if mode not in MODES and not re.fullmatch(r"[45]\d\d", mode):
            raise ValueError(
                f"mode is one of {', '.join(MODES)} or an HTTP status from 400 to 599, not {mode!r}"
            )
        if "mode" in wanted:
            self.calls, self.every = None, 1
        for name in SETTINGS & wanted.keys():
            value = deque(map(str, wanted[name])) if name == "contents" else wanted[name]
            setattr(self, name, value)
        self.mode = mode
        if wanted.get("reset"):
            self.asked = self.failed = self.most_open_calls = 0

    def next_mode(self) -> str:
        """The mode of the call that has just been counted."""
        if self.mode == "ok" or self.asked % self.every or self.calls == 0:
            return "ok"
        if self.calls is not None:
            self.calls -= 1
        self.failed += 1
        return self.mode

    def report(self) -> dict[str, Any]:
        counters = ("asked", "failed", "open_calls", "most_open_calls")
        state = {name: getattr(self, name) for name in (*sorted(SETTINGS - {"contents"}), *counters)}
        return {**state, "contents": list(self.contents)}


SETTINGS = {"delay_ms", "mode", "calls", "every", "retry_after", "max_prompt_tokens", "contents"}


def respond(status: int, body: bytes, extra: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
        f"{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def refuse(status: int, message: str, code: str, extra: str = "") -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return respond(status, json.dumps({"error": error}).encode(), extra)


class Endpoint:
    """Turns the bytes of a request into the bytes of an answer."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._choices = Choices()

    def control(self, method: bytes, body: bytes) -> bytes:
        if method == b"POST":
            try:
                self.behaviour.change(json.loads(body))
            except (ValueError, TypeError, AttributeError) as error:
                return refuse(400, f"Bad control message: {error}.", "bad_control")
        return respond(200, json.dumps(self.behaviour.report()).encode())

    def complete(self, body: bytes) -> bytes | None:
        """The answer to one chat completion; None: never answer (mode hang)."""
        behaviour = self.behaviour
        behaviour.asked += 1
        mode = behaviour.next_mode()
        if mode == "hang":
            return None
        if mode.isdigit():
            seconds = behaviour.retry_after if mode in ("429", "503") else None
            extra = "" if seconds is None else f"Retry-After: {seconds:g}\r\n"
            return refuse(int(mode), f"The stub was told to answer {mode}.", "stub", extra)
        try:
            request = json.loads(body)
            text = _last_user_text(request["messages"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return refuse(400, "The request is no chat completion.", "bad_request")
        if request.get("stream"):
            return refuse(400, "The stub does not stream.", "bad_request")
        return self._answer(request, text, len(body) // 4, mode)

    def _answer(self, request: dict[str, Any], text: str, prompt_tokens: int, mode: str) -> bytes:
        if prompt_tokens > self.behaviour.max_prompt_tokens:
            limit = self.behaviour.max_prompt_tokens
            return refuse(400, f"The context length is {limit} tokens.", "context_length_exceeded")
        schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
        top = request.get("top_logprobs") or 0 if request.get("logprobs") else -1
        rendered = [
            self._choice(text, schema, draw, top, mode)
            for draw in range(min(request.get("n") or 1, MAX_CHOICES))
        ]
        completion = sum(tokens for _, tokens in rendered)
        model = json.dumps(request.get("model", "stub"))
        body = (
            b'{"id":"chatcmpl-stub","object":"chat.completion","created":1,"model":%b,"choices":[%b],'
            b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
            b'"prompt_tokens_details":{"cached_tokens":0}}}'
            % (
                model.encode(),
                b",".join(choice for choice, _ in rendered),
                prompt_tokens,
                completion,
                prompt_tokens + completion,
            )
        )
        return respond(200, body)

    def _choice(self, text: str, schema: Any, draw: int, top: int, mode: str) -> tuple[bytes, int]:
        reply = answer(text, schema, draw)
        if self.behaviour.contents:
            reply = Answer(self.behaviour.contents.popleft(), reply.categories, reply.certainty)
        if mode in ("malformed", "cut") or "[[malformed]]" in text:
            reply = malformed(reply)
        return self._choices.render(reply, draw, top, "length" if mode == "cut" else "stop")


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    said = [message["content"] for message in messages if message["role"] == "user"]
    content = said[-1] if said else ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class Connection(asyncio.Protocol):
    """One keep-alive connection; a request that arrives early waits until the one before it is answered."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self._endpoint, self._loop = endpoint, loop
        self._buffer = b""
        self._waiting = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport is one only by its methods

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self._endpoint.behaviour.open_calls -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._waiting and self._next_request():
            pass

    def _next_request(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end]
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        if length > MAX_BODY_BYTES:
            self._transport.write(
                refuse(413, "The request is too large.", "too_large", "Connection: close\r\n")
            )
            self._transport.close()
            return False
        if len(self._buffer) < end + 4 + length:
            return False
        body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        method, path, _ = head.split(b" ", 2)
        self._serve(method, path, body)
        return True

    def _serve(self, method: bytes, path: bytes, body: bytes) -> None:
        if path == b"/control":
            self._transport.write(self._endpoint.control(method, body))
        elif path == b"/v1/models":
            self._transport.write(respond(200, MODELS))
        elif path != b"/v1/chat/completions":
            self._transport.write(refuse(404, "No such address here.", "not_found"))
        else:
            self._call(self._endpoint.complete(body))

    def _call(self, answered: bytes | None) -> None:
        behaviour = self._endpoint.behaviour
        self._waiting = True
        behaviour.open_calls += 1
        behaviour.most_open_calls = max(behaviour.most_open_calls, behaviour.open_calls)
        if answered is not None and behaviour.delay_ms > 0:
            self._loop.call_later(behaviour.delay_ms / 1000, self._finish, answered)
        elif answered is not None:
            self._finish(answered)

    def _finish(self, answered: bytes) -> None:
        if not self._waiting:
            return
        self._waiting = False
        self._endpoint.behaviour.open_calls -= 1
        self._transport.write(answered)
        self.data_received(b"")


async def serve(behaviour: Behaviour, port: int = 0) -> asyncio.Server:
    """Listen on loopback; port 0 takes a free one (`server.sockets[0].getsockname()`)."""
    loop = asyncio.get_running_loop()
    endpoint = Endpoint(behaviour)
    return await loop.create_server(lambda: Connection(endpoint, loop), "127.0.0.1", port, backlog=1024)


async def run(arguments: argparse.Namespace) -> None:
    behaviour = Behaviour(delay_ms=arguments.delay_ms)
    behaviour.change({"mode": arguments.fail, "calls": arguments.calls, "retry_after": arguments.retry_after})
    server = await serve(behaviour, arguments.port)
    host, port = server.sockets[0].getsockname()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(json.dumps({"event": "listening", "address": f"{host}:{port}"}), flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="milliseconds before every answer")
    parser.add_argument("--fail", default="ok", help="mode to start in, see the module's text")
    parser.add_argument("--calls", type=int, default=None, help="calls that fail before it recovers")
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds told with 429 and 503")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
