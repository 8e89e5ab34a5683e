"""The local models' weights: given by path, or a known model fetched when absent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labelmesh.local.errors import ModelUnavailable
from labelmesh.models import Model, ModelError, VisionModel, Watch, default_cache, fetch, manifest

_WITHOUT = "`labelmesh up --sam-model none` starts without one."


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
        return await _fetched(manifest().model(model), fetching)
    except ModelError as error:
        raise ModelUnavailable(str(error)) from error


@dataclass(frozen=True, slots=True)
class SamModel:
    """A Segment Anything model on this machine: its name, and the folder of its files."""

    name: str
    folder: Path


async def local_sam(model: str, fetching: Fetching) -> SamModel:
    """The Segment Anything model: `model` is a folder or the name of a known model, fetched when it is absent.

    Raises ModelUnavailable.
    """
    if "/" in model or Path(model).is_dir():
        folder = Path(model).absolute()
        if not (folder / "decoder.onnx").is_file():
            raise ModelUnavailable(f"The folder {folder} has no decoder.onnx.")
        # With Triton the encoder is there, and a description is here.
        if not any((folder / name).is_file() for name in ("encoder.onnx", "model.json")):
            raise ModelUnavailable(f"The folder {folder} has no encoder.onnx.")
        return SamModel(folder.name, folder)
    try:
        return SamModel(model, await _fetched(manifest().vision_model(model), fetching))
    except ModelError as error:
        raise ModelUnavailable(f"{error} {_WITHOUT}") from error


async def _fetched(model: Model | VisionModel, fetching: Fetching) -> Path:
    """Fetch in a thread that stops soon, keeping what it has, when this call is cancelled."""
    watch = Watch(lambda there: fetching.on_bytes(there, model.size_bytes), fetching.on_notice)
    work = asyncio.create_task(asyncio.to_thread(fetch, model, default_cache(), watch))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        watch.stop.set()
        await asyncio.gather(work, return_exceptions=True)
        raise
