"""Rules and what they said."""

from dataclasses import dataclass

from labels.label import Finding, Severity


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
    """A rule and its settings in a project."""

    id: str
    description: str
    enabled: bool
    severity: Severity
    parameters: tuple[RuleParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with the label it is about."""

    finding: Finding
    label_uid: str
    asset_uid: str
    create_time_us: int
