"""Accuracy of every method of consensus on real crowds, beside crowd-kit's aggregators on the same files.

    python benchmarks/qa_consensus.py --peer PYTHON

PYTHON is an interpreter that has crowd-kit (and scikit-learn below 1.6, which its Wawa needs); it brings pandas and
transformers along, which is why the service does without it. The last line is the worst difference, over the sets,
of the default method to the best that crowd-kit has there.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qa_engine.consensus.extra_vote import worth_another
from qa_engine.consensus.methods import DEFAULT, Method, aggregate
from qa_engine.consensus.votes import Votes, gather

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("music", "sentpol", "weather")
PEER = Path(__file__).with_name("_crowdkit_peer.py")
ROUNDS = 20


def rows(name: str, kind: str) -> list[dict[str, str]]:
    """Lines of a set."""
    path = DATA / f"crowd_{name}.{kind}.jsonl"
    if not path.exists():
        sys.exit(f"The crowd data is absent: there is no {path.name} in the shared data.")
    return [json.loads(line) for line in path.read_text().splitlines()]


def gold_of(name: str) -> dict[str, str]:
    """The right category of each item."""
    return {row["item"]: row["label"] for row in rows(name, "gold")}


def accuracy(votes: Votes, chosen: Sequence[int], gold: dict[str, str]) -> float:
    """Share of the items with gold that are right; one that nobody voted on is wrong."""
    found = {item: votes.categories[c] for item, c in zip(votes.items, chosen, strict=True)}
    return float(np.mean([found.get(item) == label for item, label in gold.items()]))


def peer(python: str, name: str) -> dict[str, list[float]]:
    """Accuracy and seconds of each of crowd-kit's aggregators."""
    command = [python, str(PEER), *(str(DATA / f"crowd_{name}.{kind}.jsonl") for kind in ("labels", "gold"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"crowd-kit did not run: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def adaptive(votes: Votes, gold: dict[str, str], wanted: float, most: int, seed: int) -> tuple[float, float]:
    """Accuracy and votes an item when votes come one at a time and stop once they are worth no more.

    Items take turns, so that annotators are known a little better with each; counts are estimated anew each turn.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(votes.item_of))
    lines: list[list[int]] = [[] for _ in votes.items]
    for vote in order:
        lines[votes.item_of[vote]].append(int(vote))
    taken: list[int] = []
    used = np.zeros(len(votes.items), dtype=int)
    open_items = set(range(len(votes.items)))
    chosen = np.zeros(len(votes.items), dtype=int)
    while open_items:
        for item in open_items:
            taken.append(lines[item][used[item]])
            used[item] += 1
        part = np.sort(np.asarray(taken))
        some = Votes(
            votes.items, votes.annotators, votes.categories,
            votes.item_of[part], votes.annotator_of[part], votes.category_of[part],
        )  # fmt: skip
        outcome = aggregate(some)
        chosen = outcome.chosen
        # The first two answers are always asked for: one alone has no company to be judged by.
        open_items = {
            i
            for i in open_items
            if used[i] < len(lines[i])
            and (used[i] < 2 or worth_another(outcome.posterior[i].max(), int(used[i]), wanted, most))
        }
    return accuracy(votes, list(chosen), gold), float(used.mean())


def fixed(votes: Votes, gold: dict[str, str], number: int, seed: int) -> tuple[float, float]:
    """The same with a fixed number of votes an item."""
    return adaptive(votes, gold, 2.0, number, seed)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=sys.executable, help="Python that has crowd-kit.")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="Orders of votes that redundancy is tried on."
    )
    options = parser.parse_args()
    worst = (1.0, "", 0.0, 0.0)
    for name in SETS:
        gold = gold_of(name)
        given = [(row["item"], row["worker"], row["label"]) for row in rows(name, "labels")]
        votes = gather(given)
        print(
            f"{name}: {len(votes.item_of)} votes, {len(votes.items)} items, {len(votes.annotators)} annotators"
        )
        ours = {}
        for method in Method:
            begun = time.perf_counter()
            ours[method] = accuracy(votes, list(aggregate(votes, method).chosen), gold)
            print(
                f"  ours      {method:20} {ours[method]:.4f} {1000 * (time.perf_counter() - begun):9.1f} ms"
            )
        theirs = peer(options.peer, name)
        for what, (right, seconds) in theirs.items():
            print(f"  crowd-kit {what:20} {right:.4f} {1000 * seconds:9.1f} ms")
        best = max(right for right, _ in theirs.values())
        worst = min(worst, (ours[DEFAULT] - best, name, ours[DEFAULT], best))
        for number, wanted in ((3, 0.90), (3, 0.95), (5, 0.95)):
            a = np.mean([fixed(votes, gold, number, seed) for seed in range(options.rounds)], axis=0)
            b = np.mean([adaptive(votes, gold, wanted, 2 * number, s) for s in range(options.rounds)], axis=0)
            print(
                f"  fixed {number}: {a[0]:.4f} with {a[1]:.2f} votes an item; until {wanted}, at most {2 * number}: "
                f"{b[0]:.4f} with {b[1]:.2f}"
            )
    difference, name, mine, best = worst
    result = {"name": f"qa_consensus_{name}", "ours": mine, "floor": best, "ratio": difference}
    print(json.dumps({**result, "unit": "accuracy; ratio is the difference"}))


if __name__ == "__main__":
    main()
