"""Pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's pixels."""
