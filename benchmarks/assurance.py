"""Whether automatic acceptance keeps its promise: 1,000 simulated projects, and errors that jump.

Each project has one to six slices of its own sizes; a slice has a distribution of confidences and a curve of errors
over it: falling, flat, with a bump of confident errors, or a coin's (right half the time). Thresholds are fitted to a
random sample of the whole project, as FitThresholds does, and then the truth is looked up: what share of all that would
be accepted is wrong, and what share of the project is accepted. A project breaks the promise when more than the target
is wrong in any of its slices; at most `delta` of projects may.

Then errors jump to three times the target behind a threshold with a good past, and audits are counted until automation
ends itself.

The last line is JSON: the worst share of broken projects over the targets, against delta.
"""

import argparse
import json
import random
import sys
from dataclasses import dataclass

# A script beside this one has the name of the package that is meant.
sys.path.append(sys.path.pop(0))

from review_queue.assurance import binomial
from review_queue.assurance.drift import Detector
from review_queue.assurance.stage import Watch, breach, watched
from review_queue.assurance.threshold import Seen, fit, share_of

TARGETS = (0.01, 0.02, 0.05)
DELTA = 0.1
SAMPLE = 4_000
N_MIN = 100
AUDIT_RATE = 0.05
_POPULATION = 4_000
_COIN = "coin"


@dataclass(frozen=True)
class Slice:
    """A part of a project: its share, how confident the model is (a beta distribution), and how its errors run."""

    share: float
    alpha: float
    beta: float
    kind: str
    worst: float
    best: float

    def confidence(self, draw: random.Random) -> float:
        """A label's confidence."""
        return draw.betavariate(self.alpha, self.beta)

    def error(self, confidence: float) -> float:
        """Chance that a label of that confidence is wrong."""
        if self.kind == _COIN:
            return 0.5
        if self.kind == "flat":
            return self.best
        falling = self.best + (self.worst - self.best) * (1 - confidence) ** 2
        bump = 0.05 if self.kind == "bump" and 0.97 < confidence < 0.99 else 0.0
        return min(1.0, falling + bump)


def project(draw: random.Random) -> list[Slice]:
    """One to six slices; one project in four has a slice that is right half the time."""
    sizes = [draw.uniform(0.2, 1.0) for _ in range(draw.randint(1, 6))]
    kinds = [draw.choices(("falling", "flat", "bump"), (6, 2, 1))[0] for _ in sizes]
    if draw.random() < 0.25:
        kinds[0] = _COIN
    return [
        Slice(
            share=size / sum(sizes),
            alpha=draw.uniform(2, 12),
            beta=draw.uniform(0.2, 1.5),
            kind=kind,
            worst=draw.uniform(0.2, 0.9),
            best=draw.choice((0.0, 0.001, 0.004, 0.01, 0.03, 0.1)),
        )
        for size, kind in zip(sizes, kinds, strict=True)
    ]


def evidence(slices: list[Slice], draw: random.Random, n: int) -> list[list[Seen]]:
    """A random sample of the project, by slice."""
    found: list[list[Seen]] = [[] for _ in slices]
    for i in draw.choices(range(len(slices)), [s.share for s in slices], k=n):
        confidence = slices[i].confidence(draw)
        found[i].append(Seen(confidence, draw.random() < slices[i].error(confidence)))
    return found


def truth(part: Slice, threshold: float, draw: random.Random) -> tuple[float, float]:
    """Share of the slice at or above a threshold, and the share of wrong labels there."""
    above = [c for c in (part.confidence(draw) for _ in range(_POPULATION)) if c >= threshold]
    return len(above) / _POPULATION, sum(map(part.error, above)) / len(above) if above else 0.0


@dataclass
class Tally:
    """What became of projects at one target; shares of projects' items are summed."""

    broken: int = 0
    with_threshold: int = 0
    covered: float = 0.0
    coins: int = 0
    coins_accepted: int = 0

    def add(self, slices: list[Slice], found: list[list[Seen]], target: float, draw: random.Random) -> None:
        """Fit one project and look the truth up."""
        tested = sum(len(sample) >= N_MIN for sample in found)
        delta = share_of(DELTA, 1, tested)
        broken, covered = False, 0.0
        for part, sample in zip(slices, found, strict=True):
            threshold = fit(sample, target, delta, N_MIN).threshold
            self.coins += part.kind == _COIN
            if threshold is None:
                continue
            self.coins_accepted += part.kind == _COIN
            share, error = truth(part, threshold, draw)
            covered += part.share * share
            broken = broken or error > target
        self.broken += broken
        self.with_threshold += covered > 0
        self.covered += covered


def until_it_stops(target: float, times: int, draw: random.Random, past: int = 2_000) -> int:
    """Audits from the jump of errors on until automation ends; a good past lies behind: a third of the target."""
    watch = Watch()
    for _ in range(past):
        watch = watched(watch, target, wrong=draw.random() < target / 3)
        if breach(watch, target, 1):
            return 0
    n = 0
    while not breach(watch, target, 1):
        watch, n = watched(watch, target, wrong=draw.random() < times * target), n + 1
    return n


def drift(target: float, runs: int, draw: random.Random) -> dict[str, float]:
    """How soon a jump to three times the target is noticed, against what is stated."""
    stated = Detector(target).items_until_alarm(3 * target)
    taken = sorted(until_it_stops(target, 3, draw) for _ in range(runs))
    return {
        "stated": stated,
        "false_alarms_before": taken.count(0) / runs,
        "in_time": sum(n <= stated for n in taken) / runs,
        "median": taken[runs // 2],
        "p95": taken[int(runs * 0.95)],
        "items_at_5_percent_audits": round(stated / AUDIT_RATE),
    }


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=1_000)
    parser.add_argument("--drifts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    tallies = {target: Tally() for target in TARGETS}
    for _ in range(options.projects):
        slices = project(draw)
        found = evidence(slices, draw, SAMPLE)
        for target, tally in tallies.items():
            tally.add(slices, found, target, draw)
    result: dict[str, object] = {}
    for target, tally in tallies.items():
        low, high = binomial.interval(tally.broken, options.projects, 0.05)
        coverage = tally.covered / options.projects
        print(
            f"target {target:.0%}: {tally.broken} of {options.projects:,} projects above it"
            f" ({tally.broken / options.projects:.2%} [{low:.2%}, {high:.2%}], delta {DELTA:.0%});"
            f" coverage {coverage:.1%}, {tally.with_threshold:,} projects accept something;"
            f" {tally.coins_accepted} of {tally.coins} slices right half the time got a threshold",
            flush=True,
        )
        result[f"broken_{target:g}"] = tally.broken
        result[f"coverage_{target:g}"] = round(coverage, 3)
        result[f"coins_accepted_{target:g}"] = tally.coins_accepted
    for target in TARGETS:
        found_drift = drift(target, options.drifts, draw)
        print(f"errors jump to 3 x {target:.0%}: {found_drift}", flush=True)
        result[f"drift_{target:g}"] = found_drift
    worst = max(tally.broken for tally in tallies.values()) / options.projects
    print(
        json.dumps(
            {
                "name": "assurance",
                "ours": worst,
                "floor": DELTA,
                "ratio": round(worst / DELTA, 3),
                "unit": "share of projects above their target (must stay at or below 1 x delta)",
                **result,
            }
        )
    )


if __name__ == "__main__":
    main()
