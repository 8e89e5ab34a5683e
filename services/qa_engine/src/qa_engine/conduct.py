"""What a project has a rule do about what it finds, beside saying so."""

import re
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from qa_engine.errors import RuleSettingsInvalid

MAX_BOOST = 1_000.0
MIN_SCHEDULE_MINUTES = 5
MAX_SCHEDULE_MINUTES = 43_200
DAILY_MINUTES = 1_440
_POOL = re.compile(r"[a-z][a-z0-9-]{0,62}|")


class Mode(StrEnum):
    """How far a rule counts."""

    DISABLED = "DISABLED"
    """No label is held to it."""
    SHADOW = "SHADOW"
    """On trial: what it finds is kept apart, reported to nobody and acted on by nobody."""
    ENFORCE = "ENFORCE"
    """What it finds is reported and acted on."""


class Action(StrEnum):
    """What is done about a finding."""

    FLAG = "FLAG"
    """It is reported, no more."""
    DELETE = "DELETE"
    """The annotation is deleted in a new revision of the label."""
    FIX = "FIX"
    """The annotation is corrected in a new revision of the label, where the rule knows how."""
    ROUTE = "ROUTE"
    """The label goes to a person sooner, or to a pool of people."""
    BLOCK = "BLOCK"
    """A person's label does not stand: its task opens again."""

    @property
    def changes_labels(self) -> bool:
        """Whether labels change without a person."""
        return self in (Action.DELETE, Action.FIX)


@dataclass(frozen=True, slots=True)
class Conduct:
    """How an enabled rule behaves.

    `shadow` says that it is on trial. `route_boost`, 0 to 1,000, is added to the priority and `route_pool` (empty for
    anyone) may see the task, both with ROUTE. `precision_floor`, 0 to 1, is what the lower bound of the rule's
    precision must reach before it may delete. `schedule_minutes` is how often a rule with `on_schedule` is asked about
    all labels: MIN_SCHEDULE_MINUTES to MAX_SCHEDULE_MINUTES, 0 for never.
    """

    shadow: bool = False
    action: Action = Action.FLAG
    route_boost: float = 0.0
    route_pool: str = ""
    precision_floor: float = 0.9
    schedule_minutes: int = 0

    def check(self) -> None:
        """Raise RuleSettingsInvalid for a value out of its range."""
        if not (isfinite(self.route_boost) and 0 <= self.route_boost <= MAX_BOOST):
            raise RuleSettingsInvalid(f"The boost of a rule must be 0 to {MAX_BOOST:,g}.")
        if not _POOL.fullmatch(self.route_pool):
            raise RuleSettingsInvalid(
                "A pool is named by 1 to 63 small letters, digits and hyphens, a letter first."
            )
        if not (isfinite(self.precision_floor) and 0 <= self.precision_floor <= 1):
            raise RuleSettingsInvalid("The precision floor of a rule must be 0 to 1.")
        if (
            self.schedule_minutes
            and not MIN_SCHEDULE_MINUTES <= self.schedule_minutes <= MAX_SCHEDULE_MINUTES
        ):
            raise RuleSettingsInvalid(
                f"A schedule is every {MIN_SCHEDULE_MINUTES} to {MAX_SCHEDULE_MINUTES:,} minutes, or 0 for never."
            )


FLAGS = Conduct()
"""What rules do unless told otherwise."""
