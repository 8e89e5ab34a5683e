"""Does novelty tell texts of a class that nobody has answered from the others?

DBpedia's 14 classes: each is left out once, 300 texts of the others are answered, and novelty ranks the left-out class
against the rest. The figure is the mean AUROC over classes and three seeds; 0.5 is what chance does.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean
from time import perf_counter

if __name__ == "__main__":
    # A neighbour has the name of a package, which must be found first.
    sys.path.append(sys.path.pop(0))

from review_queue.ranking.novelty import Seen, sketch

DATA = Path(__file__).parents[1].parent / "shared" / "data" / "dbpedia14.jsonl"
ANSWERED = 300
SEEDS = 3


def auroc(new: Sequence[float], known: Sequence[float]) -> float:
    """Share of pairs in which the new text is more novel; half of those that are equal."""
    pairs = [(a > b) + 0.5 * (a == b) for a in new for b in known]
    return sum(pairs) / len(pairs)


def left_out(texts: Sequence[tuple[str, bytes]], label: str, seed: int) -> float:
    """AUROC with one class that nobody has answered."""
    others = [sketched for other, sketched in texts if other != label]
    Random(seed).shuffle(others)
    seen = Seen().plus(others[:ANSWERED])
    new = [seen.novelty(sketched) or 0.0 for other, sketched in texts if other == label]
    return auroc(new, [seen.novelty(sketched) or 0.0 for sketched in others[ANSWERED:]])


def main() -> None:
    """Print a line a class and the figure."""
    if not DATA.exists():
        sys.exit("The evaluation data is not there: ../shared/data/dbpedia14.jsonl.")
    rows = [json.loads(line) for line in DATA.read_text().splitlines()]
    begin = perf_counter()
    texts = [(row["label"], sketch(row["text"])) for row in rows]
    print(f"sketches: {(perf_counter() - begin) / len(rows) * 1e6:.0f} us a text")
    figures = []
    for label in sorted({label for label, _ in texts}):
        found = [left_out(texts, label, seed) for seed in range(SEEDS)]
        figures += found
        print(f"{label:24} {mean(found):.3f}")
    ours = mean(figures)
    print(
        json.dumps(
            {
                "name": "queue_novelty",
                "ours": round(ours, 3),
                "floor": 0.5,
                "ratio": round(ours / 0.5, 3),
                "unit": "AUROC",
            }
        )
    )


if __name__ == "__main__":
    main()
