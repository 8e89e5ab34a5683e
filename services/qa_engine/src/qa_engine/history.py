"""What a project's other labels claim, as far as rules compare a label with them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """Facts of other labels."""


NO_HISTORY = History()
