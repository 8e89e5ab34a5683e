"""How long a project's reviews take: counts in logarithmic bins, and their median.

Bin i holds (GAMMA^(i-1), GAMMA^i] times SMALLEST and is told as 2 GAMMA^i / (GAMMA + 1) times SMALLEST, so the median
is wrong by at most ERROR of itself (DDSketch: Masson, Rim and Lee, PVLDB 12, 2019). At most 264 bins a project.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import ceil, log

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from qa_engine.life.tables import review_times

SMALLEST = 0.1
"""Shorter reviews count as this, seconds."""
LONGEST = 3_600.0
"""Longer ones as this: somebody was away."""
ERROR = 0.02
LEAST_REVIEWS = 20
"""With fewer the median is not known."""
_GAMMA = (1 + ERROR) / (1 - ERROR)
_c = review_times.c


def bin_of(seconds: float) -> int:
    """The bin of a time in seconds; 0 for SMALLEST and less."""
    held = min(max(seconds, SMALLEST), LONGEST)
    return max(0, ceil(log(held / SMALLEST) / log(_GAMMA) - 1e-9))


def median_of(bins: Mapping[int, int]) -> float | None:
    """The median in seconds of so many times in each bin; None of fewer than LEAST_REVIEWS."""
    total = sum(bins.values())
    if total < LEAST_REVIEWS:
        return None
    places = sorted(bins)
    reached = accumulate(bins[place] for place in places)
    middle = next(place for place, count in zip(places, reached, strict=True) if 2 * count >= total)
    return SMALLEST if middle == 0 else SMALLEST * 2 * _GAMMA**middle / (_GAMMA + 1)


async def add(conn: AsyncConnection, times: Iterable[tuple[str, float]]) -> None:
    """Count reviews, each with its project and its seconds of work; those of 0 seconds did not say their time."""
    counts = Counter((project_uid, bin_of(seconds)) for project_uid, seconds in times if seconds > 0)
    # In one order for everyone, or two transactions could wait for each other.
    rows = [
        {"project_uid": project_uid, "bin": place, "reviews": n}
        for (project_uid, place), n in sorted(counts.items())
    ]
    await upsert(conn, review_times, rows, added=["reviews"])


async def median(conn: AsyncConnection, project_uid: str) -> float | None:
    """The median of the project's reviews, seconds; None while it is not known."""
    rows = await conn.execute(select(_c.bin, _c.reviews).where(_c.project_uid == project_uid))
    return median_of({row.bin: row.reviews for row in rows})
