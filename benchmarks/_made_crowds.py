"""Crowds that are made up: five ways of erring, with categories that are alike common or some that are rare."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qa_engine.consensus.votes import Votes, gather

WAYS = ("coin", "habits", "alike", "spam", "hard")
"""All errors alike; a matrix for each; the same confusions in all; a quarter spams; a quarter of the items misleads."""
ROUNDS = 8
Floats = NDArray[np.float64]


def made(way: str, seed: int, *, skewed: bool) -> tuple[Votes, list[int]]:
    """Votes on 60 to 1,000 items of 2 to 7 categories by 15 to 80 people, and the right category of each item."""
    rng = np.random.default_rng([WAYS.index(way), int(skewed), seed])
    kinds, items, people = (
        int(rng.integers(2, 8)),
        int(rng.choice([60, 150, 400, 1000])),
        int(rng.integers(15, 81)),
    )
    each = int(rng.choice([2, 3, 5, 8, 15]))
    common = rng.dirichlet(np.ones(kinds)) if skewed else np.full(kinds, 1 / kinds)
    truth = rng.choice(kinds, items, p=common)
    matrices = _matrices(way, rng, people, kinds)
    busy = rng.dirichlet(np.full(people, 0.5)) + 1e-6
    rows = []
    for item, true in enumerate(truth):
        misleads = rng.choice(kinds) if way == "hard" and rng.random() < 0.25 else None
        for person in rng.choice(people, each, replace=False, p=busy / busy.sum()):
            said = matrices[person, true]
            if misleads is not None:
                said = 0.4 * said + 0.6 * np.eye(kinds)[misleads]
            rows.append((f"{item:04}", f"{person:02}", str(rng.choice(kinds, p=said / said.sum()))))
    return gather(rows, [str(k) for k in range(kinds)]), truth.tolist()


def crowds(*, skewed: bool) -> Iterator[tuple[str, Votes, list[int]]]:
    """ROUNDS crowds for each way."""
    for way in WAYS:
        for seed in range(ROUNDS):
            yield way, *made(way, seed, skewed=skewed)


def _matrices(way: str, rng: np.random.Generator, people: int, kinds: int) -> Floats:
    """People x true x said."""
    same = np.eye(kinds)
    right = np.maximum(rng.beta(*rng.choice([[4, 2], [6, 2], [3, 3], [8, 2]]), people), 0.8 / kinds)[
        :, None, None
    ]
    if way == "spam":
        honest = np.where(rng.random(people) > 0.25, (1 + right[:, 0, 0]) / 2, 0.05)[:, None, None]
        return honest * same + (1 - honest) * rng.dirichlet(np.full(kinds, 0.4), people)[:, None, :]
    if way == "habits":
        wrong = rng.dirichlet(np.full(kinds, 0.5), (people, kinds))
    elif way == "alike":
        wrong = rng.dirichlet(np.full(kinds, 0.3), kinds)[None]
    else:
        wrong = ((1 - same) / (kinds - 1))[None]
    return right * same + (1 - right) * wrong
