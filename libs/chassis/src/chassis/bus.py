"""The event bus as services use it."""

from chassis.connection import Bus, connect
from chassis.consumer import Consumer, Handler
from chassis.event import Event, NotYet, Poison

__all__ = ["Bus", "Consumer", "Event", "Handler", "NotYet", "Poison", "connect"]
