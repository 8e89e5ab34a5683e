"""The folder that keeps model files: where it is, who may write it now, and what in it can be trusted."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from labelmesh.models.errors import CacheUnusable, NotEnoughSpace, Stopped

CHUNK_BYTES = 1 << 20
_LOCK_POLL_SECONDS = 0.2


def default_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """LABELMESH_CACHE, or the user's cache folder in the usual place."""
    if chosen := environment.get("LABELMESH_CACHE"):
        return Path(chosen)
    if base := environment.get("XDG_CACHE_HOME"):
        return Path(base) / "labelmesh"
    return Path.home() / ".cache" / "labelmesh"


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the disk says into a sentence: raises NotEnoughSpace or CacheUnusable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NotEnoughSpace(
                f"The disk of {place} is full; free some space or set LABELMESH_CACHE to another disk."
            ) from error
        raise CacheUnusable(
            f"The model folder {place} cannot be written ({error.strerror or error}); "
            "set LABELMESH_CACHE to one that can."
        ) from error


@contextlib.contextmanager
def locked(path: Path, stopped: Callable[[], bool], on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file while inside; `on_wait` is told once if another process holds it. Raises Stopped."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
    with handle:
        told = False
        while not _try_lock(handle.fileno()):
            if not told:
                on_wait()
                told = True
            if stopped():
                raise Stopped
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Raises NotEnoughSpace unless that many bytes are free."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise NotEnoughSpace(
            f"{what} needs {needed_bytes / 1e6:,.0f} MB on the disk of {folder} "
            f"and {free / 1e6:,.0f} MB are free; free some space or set LABELMESH_CACHE to another disk."
        )


def sha256_of(path: Path, *, start: int = 0, length: int | None = None) -> str:
    """Hex digest of a file or of a slice of it, both in bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        left = path.stat().st_size - start if length is None else length
        while left > 0 and (block := file.read(min(CHUNK_BYTES, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def stamp(path: Path, sha256: str) -> None:
    """Note that the file as it lies there now has this digest, so that it need not be read again."""
    _stamp_path(path).write_text(_stamp_text(path, sha256))


def is_stamped(path: Path, sha256: str) -> bool:
    """Whether the file is unchanged since it was found to have this digest."""
    try:
        return _stamp_path(path).read_text() == _stamp_text(path, sha256)
    except OSError:
        return False


def forget(path: Path) -> None:
    """Remove a file and what is noted about it."""
    path.unlink(missing_ok=True)
    _stamp_path(path).unlink(missing_ok=True)


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".checked")


def _stamp_text(path: Path, sha256: str) -> str:
    status = path.stat()
    return f"{sha256} {status.st_size} {status.st_mtime_ns}\n"
