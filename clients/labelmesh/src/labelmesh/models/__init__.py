"""Models as data: which ones there are, where they come from, and their files on this machine."""

from labelmesh.models.errors import ModelError
from labelmesh.models.fetch import fetch, is_ready, path_of, verify
from labelmesh.models.manifest import Manifest, Model, manifest
from labelmesh.models.progress import shown
from labelmesh.models.store import default_cache
from labelmesh.models.vision import Checkpoint, VisionModel
from labelmesh.models.watch import Watch

__all__ = [
    "Checkpoint",
    "Manifest",
    "Model",
    "ModelError",
    "VisionModel",
    "Watch",
    "default_cache",
    "fetch",
    "is_ready",
    "manifest",
    "path_of",
    "shown",
    "verify",
]
