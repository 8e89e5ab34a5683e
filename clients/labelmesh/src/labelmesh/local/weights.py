"""The local model's weights: a file given by path, or a known model fetched when absent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labelmesh.local.errors import ModelUnavailable
from labelmesh.models import Model, ModelError, Watch, default_cache, fetch, manifest


@dataclass(frozen=True, slots=True)
class Fetching:
    """Who follows a download: bytes there so far and in all, and sentences worth showing."""

    on_bytes: Callable[[int, int], None] = lambda _there, _total: None
    on_notice: Callable[[str], None] = lambda _sentence: None


def is_local(model: str) -> bool:
    """Whether the name is that of a model which can run on this machine, or of a weights file."""
    return model.endswith(".gguf") or model in manifest().names


async def local_weights(model: str, fetching: Fetching) -> Path:
    """The path of the weights: `model` is a .gguf file or the name of a known model, fetched when it is
    absent.

    Raises ModelUnavailable.
    """
    if model.endswith(".gguf"):
        path = Path(model).absolute()
        if not path.is_file():
            raise ModelUnavailable(f"There is no model file {path}.")
        return path
    try:
        known = manifest().model(model)
        cache = default_cache()
        watch = Watch(lambda there: fetching.on_bytes(there, known.size_bytes), fetching.on_notice)
        return await _fetched(known, cache, watch)
    except ModelError as error:
        raise ModelUnavailable(str(error)) from error


async def _fetched(model: Model, cache: Path, watch: Watch) -> Path:
    """Fetch in a thread that stops soon, keeping what it has, when this call is cancelled."""
    work = asyncio.create_task(asyncio.to_thread(fetch, model, cache, watch))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        watch.stop.set()
        await asyncio.gather(work, return_exceptions=True)
        raise
