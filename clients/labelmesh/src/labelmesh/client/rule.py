"""Rules and what they said."""

from dataclasses import dataclass
from enum import StrEnum

from labels.label import Finding, Severity


class RuleMode(StrEnum):
    """How far a rule counts: not at all, on trial and heard by nobody, or reported and acted on."""

    DISABLED = "DISABLED"
    SHADOW = "SHADOW"
    ENFORCE = "ENFORCE"


class RuleAction(StrEnum):
    """What is done about what a rule finds: reported, deleted, fixed, sent to a person, or sent back to one."""

    FLAG = "FLAG"
    DELETE = "DELETE"
    FIX = "FIX"
    ROUTE = "ROUTE"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True)
class RuleParameter:
    """A number that steers a rule, in the unit that its name ends in, or texts that do."""

    name: str
    value: float = 0.0
    description: str = ""
    texts: tuple[str, ...] = ()
    takes_texts: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and its settings in a project.

    A `mode` of None leaves it to `enabled`; an `action` of None leaves it and what belongs to it as they are.
    `route_boost` is 0 to 1,000, `precision_floor` 0 to 1; `version`, `custom` and `fixable` are the server's.
    `schedule_minutes`, 5 to 43,200 or 0 for never, is how often a rule with `on_schedule` is asked about all labels;
    None of other rules, and to leave it as it is.
    """

    id: str
    description: str
    enabled: bool
    severity: Severity
    parameters: tuple[RuleParameter, ...] = ()
    mode: RuleMode | None = None
    action: RuleAction | None = None
    route_boost: float = 0.0
    route_pool: str = ""
    precision_floor: float = 0.9
    version: int = 0
    custom: bool = False
    fixable: bool = False
    schedule_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with the label it is about."""

    finding: Finding
    label_uid: str
    asset_uid: str
    create_time_us: int
