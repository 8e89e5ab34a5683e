"""Fetching a model's file from a model hub over HTTP, going on where an earlier try ended."""

import re
from pathlib import Path

import httpx

from labelmesh.models import store
from labelmesh.models.errors import Damaged, SourceUnavailable, Stopped
from labelmesh.models.manifest import HubFile, Model
from labelmesh.models.watch import Watch

HUB_URL = "https://huggingface.co"
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_RESUMPTIONS = 5
"""Broken connections in a row, each without a new byte, after which the source is given up."""


def fetch(model: Model, source: HubFile, target: Path, watch: Watch, hub_url: str = HUB_URL) -> None:
    """Download into `target`, which may already hold the first bytes of the file.

    Raises SourceUnavailable, Damaged (the target is removed then), CacheUnusable, Stopped.
    """
    url = f"{hub_url.rstrip('/')}/{source.repository}/resolve/{source.revision}/{source.file}"
    store.require_space(target.parent, model.size_bytes - _size(target), f"The model {model.name}")
    fruitless = 0
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
        while (before := _size(target)) < model.size_bytes:
            try:
                _receive(client, url, model, target, watch)
            except httpx.TransportError as error:
                fruitless = 0 if _size(target) > before else fruitless + 1
                if fruitless and (before == 0 or fruitless >= _RESUMPTIONS):
                    raise SourceUnavailable(f"the model hub cannot be reached ({_reason(error)})") from error
    if store.sha256_of(target) != model.sha256:
        target.unlink()
        raise Damaged(f"what the model hub sent for {model.name} does not match its SHA-256")


def _receive(client: httpx.Client, url: str, model: Model, target: Path, watch: Watch) -> None:
    """One request: append what comes until the connection ends."""
    start = _size(target)
    with client.stream("GET", url, headers={"Range": f"bytes={start}-"} if start else {}) as response:
        if response.status_code not in (200, 206):
            raise SourceUnavailable(f"the model hub answered {response.status_code}")
        if response.status_code == 200:
            start = 0
        offered = _offered_bytes(response, start)
        if offered is not None and offered != model.size_bytes:
            raise SourceUnavailable(
                f"the model hub holds another file ({offered} bytes instead of {model.size_bytes})"
            )
        with store.writing(target.parent), target.open("r+b" if target.exists() else "wb") as file:
            file.seek(start)
            file.truncate()
            for block in response.iter_raw():
                file.write(block)
                start += len(block)
                if start > model.size_bytes:
                    raise SourceUnavailable("the model hub sent more than the file is long")
                watch.on_bytes(start)
                if watch.stop.is_set():
                    raise Stopped


def _offered_bytes(response: httpx.Response, start: int) -> int | None:
    """Length of the whole file as the answer tells it; raises SourceUnavailable if it is another range."""
    if response.status_code == 200:
        length = response.headers.get("content-length", "")
        return int(length) if length.isdigit() and "content-encoding" not in response.headers else None
    told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
    if told is None or int(told[1]) != start:
        raise SourceUnavailable("the model hub answered with another range than was asked for")
    return None if told[2] == "*" else int(told[2])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
