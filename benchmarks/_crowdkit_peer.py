"""crowd-kit's aggregators on one file, run by an interpreter that has them; prints accuracy and seconds as JSON."""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from crowdkit import aggregation as kit

NAMES = (
    "MajorityVote",
    "Wawa",
    "ZeroBasedSkill",
    "DawidSkene",
    "OneCoinDawidSkene",
    "GLAD",
    "MMSR",
    "MACE",
    "KOS",
)
SETTINGS = {
    "DawidSkene": {"n_iter": 100},
    "OneCoinDawidSkene": {"n_iter": 100},
    "GLAD": {"n_iter": 100, "silent": True},
    "MMSR": {"random_state": 0},
    "MACE": {"random_state": 0},
    "KOS": {"random_state": 0},
}

warnings.filterwarnings("ignore")
labels, gold_file = (Path(name).read_text().splitlines() for name in sys.argv[1:3])
votes = pd.DataFrame(map(json.loads, labels)).rename(columns={"item": "task"})
gold = {row["item"]: row["label"] for row in map(json.loads, gold_file)}
found = {}
for name in NAMES:
    # KOS is for two categories.
    if name == "KOS" and votes.label.nunique() != 2:
        continue
    begun = time.perf_counter()
    chosen = getattr(kit, name)(**SETTINGS.get(name, {})).fit_predict(votes)
    seconds = time.perf_counter() - begun
    found[name] = (float(np.mean([chosen.get(item) == label for item, label in gold.items()])), seconds)
print(json.dumps(found))
