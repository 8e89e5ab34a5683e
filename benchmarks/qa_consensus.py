"""Accuracy of every method of consensus on real crowds, beside crowd-kit's aggregators on the same files.

    python benchmarks/qa_consensus.py [--peer PYTHON] [--rounds 10]

crowd-kit runs in an environment that is made for it, or in PYTHON. Then: how many votes are saved when an item is
asked about only until its best category is likely enough, at the accuracy that a fixed number reaches; means over
orders of the votes. Then accuracies on crowds that are made up, also with categories taken for equally likely before
anyone votes. The last line is the worst difference, over the sets, of the default method to the best of crowd-kit.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import _crowds
import _made_crowds
import numpy as np
from _crowds import Crowd

from qa_engine.consensus.methods import DEFAULT, Method, aggregate, models_of
from qa_engine.consensus.truth import estimate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import fetched
from packages import LOCKS

PEER = Path(__file__).with_name("_crowdkit_peer.py")
FIXED = (1, 2, 3, 4, 5)
WANTED = (0.8, 0.9, 0.95, 0.99)
MOST = 7
EVEN = 1e9
"""Pseudo-items a category, beside which no estimate of the shares counts."""


def ours(crowd: Crowd) -> dict[Method, float]:
    """Accuracy of each of our methods."""
    found = {}
    for method in Method:
        begun = time.perf_counter()
        chosen = aggregate(crowd.votes, method).chosen.tolist()
        milliseconds = 1000 * (time.perf_counter() - begun)
        found[method] = crowd.accuracy(chosen)
        print(f"  ours      {method:20} {found[method]:.4f} {milliseconds:9.1f} ms")
    return found


def theirs(python: str, name: str) -> dict[str, float]:
    """Accuracy of each of crowd-kit's aggregators."""
    command = [python, str(PEER), str(_crowds.path(name, "labels")), str(_crowds.path(name, "gold"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"crowd-kit did not run: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    for method, (accuracy, seconds) in found.items():
        print(f"  crowd-kit {method:20} {accuracy:.4f} {1000 * seconds:9.1f} ms")
    return {method: accuracy for method, (accuracy, _) in found.items()}


def redundancy(crowd: Crowd, rounds: int) -> None:
    """Votes for an accuracy: a fixed number against as many as each item needs."""
    curve = np.array([[_crowds.fixed(crowd, n, seed) for seed in range(rounds)] for n in FIXED]).mean(axis=1)
    for number, (accuracy, votes) in zip(FIXED, curve, strict=True):
        print(f"  fixed {number}                        {accuracy:.4f} {votes:9.2f} votes an item")
    for wanted in WANTED:
        found = [_crowds.adaptive(crowd, wanted, MOST, seed) for seed in range(rounds)]
        accuracy, votes = np.mean(found, axis=0)
        # Between two fixed numbers, some items get one and some the other.
        need = np.interp(accuracy, np.maximum.accumulate(curve[:, 0]), curve[:, 1], left=np.nan, right=np.nan)
        saved = (
            "more than any fixed"
            if np.isnan(need)
            else f"fixed needs {need:.2f}, saved {1 - votes / need:.0%}"
        )
        print(
            f"  until {wanted:<4}, at most {MOST}          {accuracy:.4f} {votes:9.2f} votes an item; {saved}"
        )


def made_up() -> None:
    """Mean accuracies on crowds that are made up."""
    for skewed in (False, True):
        found: dict[str, list[float]] = {}
        for _, votes, truth in _made_crowds.crowds(skewed=skewed):
            right = np.asarray(truth)
            even = sum(estimate(votes, model, EVEN).posterior for model in models_of(DEFAULT))
            chosen = {str(method): aggregate(votes, method).chosen for method in Method}
            for name, one in (chosen | {f"{DEFAULT}, shares even": np.argmax(even, axis=1)}).items():
                found.setdefault(name, []).append(float(np.mean(one == right)))
        print(
            f"made up, categories {'some rare' if skewed else 'alike common'}: {len(found[str(DEFAULT)])} crowds"
        )
        for name, accuracies in found.items():
            print(f"  ours      {name:20} {np.mean(accuracies):.4f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="Python that has crowd-kit; without it an environment is made.")
    parser.add_argument("--rounds", type=int, default=10, help="Orders of the votes.")
    options = parser.parse_args()
    python = options.peer or str(fetched.environment("crowdkit", LOCKS / "crowdkit.in") / "bin" / "python")
    worst = (1.0, "", 0.0, 0.0)
    for name in _crowds.NAMES:
        crowd = _crowds.crowd(name)
        votes = crowd.votes
        print(
            f"{name}: {len(votes.item_of)} votes, {len(votes.items)} items, {len(votes.annotators)} annotators"
        )
        mine = ours(crowd)[DEFAULT]
        best = max(theirs(python, name).values())
        worst = min(worst, (mine - best, name, mine, best))
        redundancy(crowd, options.rounds)
    made_up()
    difference, name, mine, best = worst
    result = {"name": f"qa_consensus_{name}", "ours": mine, "floor": best, "ratio": round(mine / best, 4)}
    print(json.dumps({**result, "unit": f"accuracy, worst set; difference {difference:+.4f}"}))


if __name__ == "__main__":
    main()
