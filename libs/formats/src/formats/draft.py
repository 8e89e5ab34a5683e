"""Files that are either whole or not there: written beside their place, moved there at the end."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Protocol
from urllib.parse import quote

from formats.errors import FileUnusable, TargetTaken

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Tree(Protocol):
    """A folder or archive under way."""

    def put(self, name: str, data: bytes) -> None:
        """Write one member; names are relative, with `/`."""

    def copy(self, name: str, file: IO[bytes]) -> None:
        """Write one member from a file."""

    def close(self) -> None:
        """Write what is left."""


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """A path beside the target whose file or folder takes the target's place when all went well.

    Raises TargetTaken where a folder would have to be deleted for it, and FileUnusable when the disk says no.
    """
    if target.is_dir() and any(target.iterdir()):
        raise TargetTaken(f"The folder {target} is not empty; nothing was written.")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield beside
        if target.is_dir():
            target.rmdir()
        beside.replace(target)
    except OSError as error:
        raise FileUnusable(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


class Lines:
    """A text file under way; flushed to the disk before it is moved."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("w", encoding="utf-8", newline="\n")
        self.write = self._file.write

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left; a second time does nothing."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


class Array:
    """A JSON array under way, one element a line."""

    def __init__(self, path: Path, opening: str = "[", closing: str = "]") -> None:
        self._lines = Lines(path)
        self._closing = closing
        self._lines.write(opening)
        self._between = "\n"

    def add(self, element: Any) -> None:
        """Write one element."""
        self._lines.write(self._between + as_json(element))
        self._between = ",\n"

    def close(self) -> None:
        """End the array."""
        self._lines.write("\n" + self._closing + "\n")
        self._lines.close()


class Folder:
    """A folder under way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True)
        self._made = {root}

    def put(self, name: str, data: bytes) -> None:
        """Write one file of it."""
        self._path(name).write_bytes(data)

    def copy(self, name: str, file: IO[bytes]) -> None:
        """Write one file of it from another."""
        with self._path(name).open("wb") as target:
            shutil.copyfileobj(file, target)

    def _path(self, name: str) -> Path:
        path = self._root / name
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        return path

    def close(self) -> None:
        """Nothing is left to write."""


class Archive:
    """A zip archive under way; the same content makes the same bytes."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    def put(self, name: str, data: bytes) -> None:
        """Write one member."""
        self._zip.writestr(_info(name), data)

    def copy(self, name: str, file: IO[bytes]) -> None:
        """Write one member from a file."""
        with self._zip.open(_info(name), "w", force_zip64=True) as target:
            shutil.copyfileobj(file, target)

    def close(self) -> None:
        """Write the archive's directory."""
        self._zip.close()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def tree(path: Path, target: Path) -> Tree:
    """An archive where the target's name ends in .zip, a folder else."""
    return Archive(path) if target.suffix.lower() == ".zip" else Folder(path)


def as_json(value: Any) -> str:
    """Compact JSON on one line."""
    return _ENCODER.encode(value)


def safe_name(key: str) -> str:
    """The key as a relative path; one that would lead out of the folder, or be hidden in it, is quoted."""
    path = PurePosixPath(key)
    tame = str(path) == key and not path.is_absolute() and not set(key) & {"\\", ":"}
    if tame and not any(part.startswith(".") for part in path.parts):
        return key
    return quote(key, safe="").replace(".", "%2E", 1)


def stem(name: str) -> str:
    """The path without its last suffix."""
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix and path.name != path.suffix else name


class Names:
    """Gives each key a path of its own without suffix: `a.jpg` and `a.png` must not share one."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def of(self, key: str) -> str:
        """A path that no key had before: the key's stem, the whole key where that is taken."""
        name = safe_name(key)
        for candidate in (stem(name), name):
            mark = hash(candidate)
            if mark not in self._taken:
                self._taken.add(mark)
                return candidate
        raise FileUnusable(f'Two assets of the export have the key "{key[:80]}".')
