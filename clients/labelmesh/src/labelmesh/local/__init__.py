"""Everything on one machine: broker, local model and services as supervised processes."""

from labelmesh.local.running import Watchers, clear, running
from labelmesh.local.stack import Stack

__all__ = ["Stack", "Watchers", "clear", "running"]
