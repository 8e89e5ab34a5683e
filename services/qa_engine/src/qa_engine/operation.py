"""What rules may do about a label beside finding fault with it.

Changes are the corrections of `labels.correction`; the rest is for the queue, for people and for webhooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from labels.correction import CorrectionOp
from labels.label import Annotation, Finding


@dataclass(frozen=True, slots=True)
class Change:
    """Changes the label; reversible by the run that made it."""

    op: CorrectionOp


@dataclass(frozen=True, slots=True)
class Route:
    """Sends the label to a person: `boost`, 0 to 1,000, is added to its priority; `pool` is empty for anyone."""

    boost: float
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A person's label must not stand: its task opens again."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """The answers of several people come to these claims."""

    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Emit:
    """Tells the project's webhooks; `topic` matches `[a-z][a-z0-9_.]{0,63}`, `fields` are at most 50."""

    topic: str
    fields: Mapping[str, str | float | bool]


Operation = Change | Route | Block | Resolve | Emit


@dataclass(frozen=True, slots=True)
class Judgement:
    """What rules say about one label: findings, and each operation with the id of the rule that asks for it.

    `shadow` are the findings of rules on trial: they are kept apart and reported to nobody. `failed` says of one rule's
    judgement that the rule could not look at the label: its finding says why, and nothing is done about it.
    """

    findings: tuple[Finding, ...] = ()
    operations: tuple[tuple[str, Operation], ...] = ()
    shadow: tuple[Finding, ...] = ()
    failed: bool = False

    def plus(self, other: "Judgement") -> "Judgement":
        """What both say, each thing once; failed where either is."""
        return Judgement(
            (*self.findings, *(f for f in other.findings if f not in self.findings)),
            (*self.operations, *(o for o in other.operations if o not in self.operations)),
            (*self.shadow, *(f for f in other.shadow if f not in self.shadow)),
            self.failed or other.failed,
        )
