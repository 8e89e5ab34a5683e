"""Projects as values."""

from dataclasses import astuple, dataclass
from enum import StrEnum

from labels.names import is_project_id
from labels.ontology import Ontology, check_ontology
from review_queue.errors import ProjectInvalid
from review_queue.measures.holdout import NO_HOLD_OUT, HoldOut
from review_queue.priority import MAX_WEIGHT, Weights
from review_queue.routing.policy import DEFAULT as DEFAULT_QUEUE_POLICY
from review_queue.routing.policy import QueuePolicy

MAX_DISPLAY_NAME = 200
MAX_INSTRUCTION = 8_000


class PreAnnotation(StrEnum):
    """When a model labels an asset: on import, when a prediction run asks for it, or never."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a user says about a project."""

    display_name: str
    instruction: str
    ontology: Ontology
    pre_annotation: PreAnnotation
    weights: Weights


@dataclass(frozen=True, slots=True)
class Project:
    """A stored project; `uid` is a ULID, `create_time_us` counts microseconds since the Unix epoch.

    `check_share` of its leases, 0 to 1, come from the random sample and from gold; see assurance/checks.py.
    """

    uid: str
    tenant: str
    project_id: str
    definition: Definition
    asset_count: int
    create_time_us: int
    holdout: HoldOut = NO_HOLD_OUT
    routing: QueuePolicy = DEFAULT_QUEUE_POLICY
    check_share: float = 0.0


def check_project(project_id: str, definition: Definition) -> None:
    """Raise ProjectInvalid or OntologyError with the first thing that is wrong."""
    if not is_project_id(project_id):
        raise ProjectInvalid("A project id must be 2 to 48 of a-z, 0-9 and -, starting with a letter.")
    if len(definition.display_name) > MAX_DISPLAY_NAME or "\x00" in definition.display_name:
        raise ProjectInvalid(f"A display name may have {MAX_DISPLAY_NAME} characters, none of them NUL.")
    if len(definition.instruction) > MAX_INSTRUCTION or "\x00" in definition.instruction:
        raise ProjectInvalid(f"An instruction may have {MAX_INSTRUCTION:,} characters, none of them NUL.")
    weights = definition.weights
    # Written so that NaN fails.
    for weight in astuple(weights):
        if not 0.0 <= weight <= MAX_WEIGHT:
            raise ProjectInvalid("A priority weight must be 0 to 1,000.")
    check_ontology(definition.ontology)
