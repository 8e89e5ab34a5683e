"""labelmesh-redeliver: look at dead letters and put them back.

A letter goes back to its original subject under a fresh Nats-Msg-Id, and keeps its own id in another header.
Services that handled the event know that id from their inbox; only the one that failed does it again.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from chassis import bus, deadletters, log
from chassis import headers as wire
from chassis.connection import Bus
from chassis.errors import BrokerUnavailable
from chassis.publishing import Outgoing
from chassis.settings import ServiceSettings, load
from chassis.subjects import DEADLETTER_PREFIX, DEADLETTER_STREAM

_WAIT_SECONDS = 10.0
_OWN_HEADERS = frozenset(
    {
        wire.MSG_ID,
        deadletters.SERVICE,
        deadletters.SUBJECT,
        deadletters.STREAM,
        deadletters.SEQ,
        deadletters.REASON,
        deadletters.SENTENCE,
    }
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter; `seq` is its place among the dead letters."""

    seq: int
    headers: Mapping[str, str]
    body: bytes

    def summary(self) -> dict[str, object]:
        """What an operator sees; bodies are customer data and are not shown."""
        return {
            "seq": self.seq,
            "service": self.headers.get(deadletters.SERVICE, ""),
            "subject": self.headers.get(deadletters.SUBJECT, ""),
            "msg_id": self.headers.get(wire.ORIGINAL_MSG_ID, ""),
            "reason": self.headers.get(deadletters.REASON, ""),
            "sentence": self.headers.get(deadletters.SENTENCE, ""),
            "stream": self.headers.get(deadletters.STREAM, ""),
            "stream_seq": self.headers.get(deadletters.SEQ, ""),
            "bytes": int(self.headers.get(wire.BODY_BYTES, len(self.body))),
        }


async def letters(link: Bus, service: str = "", seq: int | None = None) -> AsyncIterator[Letter]:
    """Dead letters, oldest first; of one service or of one place only."""
    subject = f"{DEADLETTER_PREFIX}.{service}.>" if service else f"{DEADLETTER_PREFIX}.>"
    following = 1 if seq is None else seq
    while True:
        try:
            found = await link.js.get_msg(DEADLETTER_STREAM, following, subject=subject, next=True)
        except NotFoundError:
            return
        if found.seq is None or (seq is not None and found.seq != seq):
            return
        yield Letter(found.seq, found.headers or {}, found.data or b"")
        following = found.seq + 1


async def redeliver(link: Bus, letter: Letter) -> None:
    """Put it back and take it out of the dead letters; raises BrokerUnavailable."""
    headers = {name: value for name, value in letter.headers.items() if name not in _OWN_HEADERS}
    # The same letter put back twice within the broker's window is stored once.
    headers[wire.MSG_ID] = f"again.{letter.headers[deadletters.SERVICE]}.{letter.seq}"
    (answer,) = await link.send([Outgoing(letter.headers[deadletters.SUBJECT], letter.body, headers)])
    if answer:
        raise BrokerUnavailable
    await link.js.delete_msg(DEADLETTER_STREAM, letter.seq)


async def _command(arguments: argparse.Namespace, settings: ServiceSettings) -> int:
    async with bus.connect(settings) as link:
        try:
            await asyncio.wait_for(link.ready.wait(), _WAIT_SECONDS)
        except TimeoutError:
            print(f"error: no broker answers at {settings.nats_url}", file=sys.stderr)
            return 1
        try:
            return await _each(arguments, link)
        except (BrokerUnavailable, NatsError, JetStreamError, TimeoutError) as error:
            print(f"error: {error or type(error).__name__}", file=sys.stderr)
            return 1


async def _each(arguments: argparse.Namespace, link: Bus) -> int:
    count = 0
    async for letter in letters(link, arguments.service, arguments.seq):
        count += 1
        if arguments.action == "redeliver":
            await redeliver(link, letter)
        elif arguments.action == "show":
            print(json.dumps(letter.summary() | {"headers": dict(letter.headers)}, indent=2))
        else:
            print(json.dumps(letter.summary()))
    if arguments.action == "redeliver":
        print(f"{count} put back")
    if arguments.seq is not None and not count:
        print(f"error: there is no dead letter {arguments.seq}", file=sys.stderr)
        return 1
    return 0


def main(argv: list[str] | None = None) -> None:
    """Entry point of `labelmesh-redeliver`."""
    parser = argparse.ArgumentParser(
        prog="labelmesh-redeliver", description="Look at dead letters and put them back."
    )
    parser.add_argument("action", choices=["list", "show", "redeliver"])
    parser.add_argument("--service", default="", help="only letters of this service")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--all", action="store_true", help="put back every letter")
    chosen.add_argument("--seq", type=int, help="only this letter")
    arguments = parser.parse_args(argv)
    if arguments.action == "redeliver" and not arguments.all and arguments.seq is None:
        parser.error("say which: --seq N or --all")
    if arguments.action == "show" and arguments.seq is None:
        parser.error("say which: --seq N")
    settings = load(ServiceSettings)
    log.configure("labelmesh-redeliver", "ERROR")
    raise SystemExit(asyncio.run(_command(arguments, settings)))


if __name__ == "__main__":
    main()
