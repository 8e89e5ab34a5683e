"""An event as a handler sees it, and what a handler may answer to it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from chassis.errors import ChassisError

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, eq=False)
class Event(Generic[M]):
    """One fact from another service.

    `time_us` is when it was committed there, microseconds since the epoch; `delivered` counts
    deliveries from 1; `traceparent` is empty where nothing traced.
    """

    message: M
    project_uid: str
    msg_id: str
    time_us: int
    delivered: int
    traceparent: str


class NotYet(ChassisError):
    """The event cannot be handled before another one; it comes again.

    `events` names those of the batch that wait; without it every event of the batch is tried alone.
    """

    def __init__(self, reason: str = "", events: Collection[Event[Any]] = ()) -> None:
        super().__init__(*([reason] if reason else []))
        self.events = events


class Poison(ChassisError):
    """The event can never be handled; it goes to the dead letters.

    `reason` is stored and shown to operators: no customer text. `events` as in NotYet.
    """

    def __init__(self, reason: str = "", events: Collection[Event[Any]] = ()) -> None:
        super().__init__(*([reason] if reason else []))
        self.events = events
