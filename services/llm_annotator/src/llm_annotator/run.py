"""Prediction runs as values."""

import json
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any

from labels.label import ConfidenceMethod
from labels.ontology import Ontology
from llm_annotator.errors import RequestInvalid
from llm_annotator.examples import Example, Pool
from llm_annotator.prompt import Shot, Template

MAX_PER_CATEGORY = 16
MAX_CONCURRENCY = 1_024


class Shots(StrEnum):
    """Whether the prompt carries examples."""

    ZERO = "ZERO"
    FEW = "FEW"


class Scope(StrEnum):
    """Which assets a run covers."""

    MISSING = "MISSING"
    UNREVIEWED = "UNREVIEWED"


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"


class ItemState(IntEnum):
    """Where an item stands; numbers as in the contract."""

    PENDING = 1
    SUCCEEDED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run was asked to do; `concurrency` 0 means the service's default."""

    shots: Shots = Shots.ZERO
    pool: Pool = Pool.REVIEWED
    per_category: int = 1
    seed: int = 0
    method: ConfidenceMethod = ConfidenceMethod.LABEL_MASS
    concurrency: int = 0
    scope: Scope = Scope.MISSING

    def __post_init__(self) -> None:
        if not 1 <= self.per_category <= MAX_PER_CATEGORY:
            raise RequestInvalid(f"examples_per_category must be 1 to {MAX_PER_CATEGORY}, or 0 for 1.")
        if not 0 <= self.concurrency <= MAX_CONCURRENCY:
            raise RequestInvalid(f"concurrency must be 1 to {MAX_CONCURRENCY}, or 0 for the default.")


def config_to_json(config: RunConfig) -> str:
    """For the database; the same config gives the same text."""
    return json.dumps(asdict(config), sort_keys=True)


def config_from_json(text: str) -> RunConfig:
    """From the database."""
    raw: dict[str, Any] = json.loads(text)
    return RunConfig(
        Shots(raw["shots"]),
        Pool(raw["pool"]),
        raw["per_category"],
        raw["seed"],
        ConfidenceMethod(raw["method"]),
        raw["concurrency"],
        Scope(raw["scope"]),
    )


def examples_to_json(examples: list[Example]) -> str:
    """For the database: examples are kept with the run, whatever becomes of the bank."""
    return json.dumps([[e.label_uid, e.asset_uid, e.shot.text, e.shot.reply] for e in examples])


def examples_from_json(text: str) -> list[Example]:
    """From the database."""
    return [Example(label, asset, Shot(shown, reply)) for label, asset, shown, reply in json.loads(text)]


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its counts; times are microseconds since the Unix epoch, 0 for not yet."""

    uid: str
    config: RunConfig
    state: RunState
    pause_reason: str
    total: int
    succeeded: int
    failed: int
    model: str
    prompt_revision: int
    examples: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    minimum_asset_count: int
    create_time_us: int
    end_time_us: int


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker must know to work on a run."""

    run_uid: str
    project_uid: str
    project_id: str
    tenant: str
    config: RunConfig
    ontology: Ontology
    template: Template
    examples: tuple[Example, ...]
    succeeded: int


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed item: its place in the run, and its asset as the message it came in."""

    position: int
    asset_uid: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ItemReport:
    """An item as people see it."""

    asset_uid: str
    asset_key: str
    state: ItemState
    error_reason: str
    error_message: str
    position: int
