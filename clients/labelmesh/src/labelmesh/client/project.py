"""Projects as a caller sees them."""

from dataclasses import dataclass
from enum import StrEnum

from labels.ontology import Ontology


class PreAnnotation(StrEnum):
    """When a model labels a project's assets."""

    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class PriorityWeights:
    """Weights of priority = uncertainty * (1 - confidence) + findings * severity + age_per_hour * hours
    waited + disagreement * disagreement + business * weight + novelty * novelty + boost; docs/queue.md says what
    the terms are.

    Each is 0 to 1,000; None means the server's default (1.0, 1.0, 0.01, 1.0, 0 and 0).
    """

    uncertainty: float | None = None
    findings: float | None = None
    age_per_hour: float | None = None
    disagreement: float | None = None
    business: float | None = None
    novelty: float | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A project: an ontology and the rules by which its assets reach a person.

    `id` is the name chosen by the user, `uid` a ULID that never changes; `instruction` tells the model and
    people what to do, at most 8,000 characters; `create_time_us` counts microseconds since the Unix epoch.
    """

    id: str
    ontology: Ontology
    display_name: str = ""
    instruction: str = ""
    pre_annotation: PreAnnotation = PreAnnotation.ON_DEMAND
    priority_weights: PriorityWeights = PriorityWeights()
    uid: str = ""
    asset_count: int = 0
    create_time_us: int = 0
