"""Real crowds with gold, and how accuracy grows with the number of votes an item."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_engine.consensus.methods import aggregate
from qa_engine.consensus.votes import Votes, gather

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NAMES = ("music", "sentpol", "weather")
FIRST_VOTES = 2
"""One answer alone has no company to be judged by."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Votes, and the right category of some items."""

    name: str
    votes: Votes
    gold: dict[str, str]

    def accuracy(self, chosen: Sequence[int]) -> float:
        """Share of the items with gold that are right; one that nobody voted on is wrong."""
        pairs = zip(self.votes.items, chosen, strict=True)
        found = {item: self.votes.categories[category] for item, category in pairs}
        return float(np.mean([found.get(item) == label for item, label in self.gold.items()]))


def path(name: str, kind: str) -> Path:
    """File of a set: `labels` or `gold`."""
    found = DATA / f"crowd_{name}.{kind}.jsonl"
    if not found.exists():
        sys.exit(f"The crowd data is absent: there is no {found.name} in the shared data.")
    return found


def crowd(name: str) -> Crowd:
    """A set."""
    labels, gold = (
        [json.loads(line) for line in path(name, kind).read_text().splitlines()]
        for kind in ("labels", "gold")
    )
    votes = gather((row["item"], row["worker"], row["label"]) for row in labels)
    return Crowd(name, votes, {row["item"]: row["label"] for row in gold})


def adaptive(of: Crowd, wanted: float, most: int, seed: int) -> tuple[float, float]:
    """Accuracy and mean votes an item when an item is asked about until its best category is likely enough."""
    return _by_turns(of, seed, lambda confidence, n: n < FIRST_VOTES or (n < most and confidence < wanted))


def fixed(of: Crowd, number: int, seed: int) -> tuple[float, float]:
    """The same with a fixed number of votes an item."""
    return _by_turns(of, seed, lambda _confidence, n: n < number)


def _by_turns(of: Crowd, seed: int, more: Callable[[float, int], bool]) -> tuple[float, float]:
    """Every open item gets one vote a turn, in a random order of its own; all is estimated anew after each turn."""
    votes = of.votes
    order = np.random.default_rng(seed).permutation(len(votes.item_of))
    waiting: list[list[int]] = [[] for _ in votes.items]
    for vote in order.tolist():
        waiting[votes.item_of[vote]].append(vote)
    used = np.zeros(len(votes.items), dtype=int)
    taken: list[int] = []
    open_items = list(range(len(votes.items)))
    chosen: Sequence[int] = []
    while open_items:
        for item in open_items:
            taken.append(waiting[item][used[item]])
            used[item] += 1
        part = np.sort(np.asarray(taken))
        columns = (votes.item_of[part], votes.annotator_of[part], votes.category_of[part])
        outcome = aggregate(Votes(votes.items, votes.annotators, votes.categories, *columns))
        chosen, sure = outcome.chosen.tolist(), outcome.posterior.max(axis=1)
        open_items = [
            i for i in open_items if used[i] < len(waiting[i]) and more(float(sure[i]), int(used[i]))
        ]
    return of.accuracy(chosen), float(used.mean())
