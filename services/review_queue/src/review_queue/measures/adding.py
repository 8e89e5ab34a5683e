"""Summing reviews in the background, and telling Prometheus of each once."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

from chassis.db import Database
from review_queue.measures import gauges, rollup
from review_queue.repeating import repeating

# A pass costs the same for few reviews as for many, and until then readers add them up themselves.
_EVERY_SECONDS = 3.0


def summing(db: Database) -> AbstractAsyncContextManager[None]:
    """Adds new reviews to the running sums every three seconds, until the block ends.

    Several processes may do so at once: each takes reviews that no other is taking.
    """
    return repeating("summing", partial(sum_all, db), _EVERY_SECONDS)


async def sum_all(db: Database, stop: asyncio.Event | None = None) -> int:
    """Sum all that was reviewed so far, or until `stop` is set; how many reviews were added."""
    added = 0
    while not (stop is not None and stop.is_set()):
        found = await rollup.sum_some(db)
        gauges.tell(found)
        added += len(found)
        if len(found) < rollup.BATCH:
            break
    return added
