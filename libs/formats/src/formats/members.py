"""Folders and archives read member by member; none may lead out of its place or unpack without end."""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from formats.errors import FileUnusable, RecordBroken
from formats.item import Problem

MAX_MEMBER_BYTES = 256 << 20
MAX_MEMBERS = 5_000_000
MAX_RATIO = 1_000
"""A member that unpacks to more than a thousand times its size is no label file; deflate ends at about 1,030."""
_SMALL = 1 << 20


class Members(Protocol):
    """Files by their relative names."""

    def names(self) -> list[str]:
        """The names, sorted."""

    def read(self, name: str) -> bytes:
        """The content; raises RecordBroken."""

    def refused(self) -> Iterator[Problem]:
        """Members that are not read, and why."""


def members(path: Path) -> Members:
    """The members of a folder or zip archive. Raises FileUnusable."""
    if path.is_dir():
        return _Folder(path)
    if not path.exists():
        raise FileUnusable(f"There is no file or folder {path}.")
    if zipfile.is_zipfile(path):
        return _Archive(path)
    raise FileUnusable(f"{path} is neither a folder nor a zip archive.")


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._problems: list[Problem] = []

    def names(self) -> list[str]:
        found = []
        for folder, below, files in os.walk(self._root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder) / name
                relative = path.relative_to(self._root).as_posix()
                if path.is_symlink() and not path.resolve().is_relative_to(self._root.resolve()):
                    self._problems.append(Problem(relative, "The link leads out of the folder."))
                elif not name.startswith("."):
                    found.append(relative)
        return sorted(found)

    def read(self, name: str) -> bytes:
        path = self._root / name
        try:
            if path.stat().st_size > MAX_MEMBER_BYTES:
                raise RecordBroken(f"The file is larger than {MAX_MEMBER_BYTES >> 20} MiB.")
            return path.read_bytes()
        except OSError as error:
            raise RecordBroken(f"The file cannot be read: {error.strerror}.") from error

    def refused(self) -> Iterator[Problem]:
        yield from self._problems


class _Archive:
    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise FileUnusable(f"The archive {path} cannot be read.") from error
        self._problems: list[Problem] = []
        self._infos: dict[str, zipfile.ZipInfo] = {}
        listed = self._zip.infolist()
        if len(listed) > MAX_MEMBERS:
            raise FileUnusable(f"The archive {path} has more than {MAX_MEMBERS:,} members.")
        for info in listed:
            if info.is_dir():
                continue
            if problem := _unsafe(info) or ("is there twice" if info.filename in self._infos else ""):
                self._problems.append(Problem(info.filename[:200], f"The member {problem}; it was not read."))
            else:
                self._infos[info.filename] = info

    def names(self) -> list[str]:
        return sorted(self._infos)

    def read(self, name: str) -> bytes:
        info = self._infos[name]
        try:
            with self._zip.open(info) as file:
                data = file.read(MAX_MEMBER_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError):
            raise RecordBroken(
                "The member of the archive is damaged, encrypted or packed in a way unknown."
            ) from None
        if len(data) > MAX_MEMBER_BYTES:
            raise RecordBroken(f"The member unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB.")
        return data

    def refused(self) -> Iterator[Problem]:
        yield from self._problems


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Why a member is not read; "" when it is."""
    name = info.filename
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in re.split(r"[/\\]", name):
        return "leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.file_size > MAX_MEMBER_BYTES:
        return f"unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB"
    if info.file_size > _SMALL and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return f"unpacks to more than {MAX_RATIO:,} times its size"
    return ""
