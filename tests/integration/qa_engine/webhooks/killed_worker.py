"""A worker in a process of its own, which its test kills."""

import asyncio
import sys

from chassis.db import connect
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.sender import sender
from qa_engine.webhooks.target import gate
from qa_engine.webhooks.worker import Worker


async def main() -> None:
    keys = Keys(("a key of the tests, long enough",))
    async with (
        connect(sys.argv[1]) as db,
        sender(gate("127.0.0.0/8", "443")) as post,
        Worker(db, post, keys),
    ):
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main())
