"""Rows to import from a file or folder: JSONL, CSV, plain text, or pictures.

Read one by one, never all at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labelmesh.client.files.lines import BadLine, csv_rows, jsonl_rows, text_rows
from labelmesh.client.files.picture import PictureUnreadable, measure
from labels.asset import Asset, check_asset, sha256_hex
from labels.errors import LabelError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
MAX_PICTURE_BYTES = 64 << 20
_KEY_DIGITS = 16


class FileUnusable(Exception):
    """The file cannot be imported."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be imported: its line from 1 and one sentence."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class GoodRow:
    """A row ready to import.

    `picture` is the file that must be uploaded first, the asset then has its size only; `weight`, 0 to 1,000, is what
    the asset is worth, None where the row says nothing of it.
    """

    line: int
    asset: Asset
    picture: Path | None = None
    weight: float | None = None


Row = GoodRow | BadRow


@dataclass(slots=True)
class _Raw:
    """A row before it is checked."""

    line: int
    key: str | None
    text: str | None = None
    picture: Path | None = None
    context: dict[str, str] = field(default_factory=dict)
    weight: float | None = None


def read_rows(source: Path) -> Iterator[Row]:
    """Rows of a .jsonl / .ndjson, .csv or .txt file, or the pictures of a folder by name.

    A row without a key gets one from its content, so that importing the same file again finds the same keys;
    the second row of the same content gets the same key with "-2" and so on. Raises FileUnusable when there
    is nothing to read at all.
    """
    keys = _Keys()
    for raw in _raw_rows(source):
        if isinstance(raw, BadRow):
            yield raw
            continue
        try:
            yield keys.good(raw)
        except (LabelError, PictureUnreadable, UnicodeEncodeError, BadLine) as error:
            yield BadRow(raw.line, _sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "The text holds half a surrogate pair, which is not a character."
    return str(error)


def _raw_rows(source: Path) -> Iterator[_Raw | BadRow]:
    if not source.exists():
        raise FileUnusable(f"There is no file or folder {source}.")
    if source.is_dir():
        yield from _folder(source)
        return
    reader = {".jsonl": jsonl_rows, ".ndjson": jsonl_rows, ".csv": csv_rows, ".txt": text_rows}.get(
        source.suffix.lower()
    )
    if reader is None:
        raise FileUnusable(
            f"{source} is none of .jsonl, .csv, .txt and a folder of pictures; rename it after what is in it."
        )
    try:
        for line, found in reader(source):
            if isinstance(found, BadLine):
                yield BadRow(line, str(found))
                continue
            picture = None if found.image is None else source.parent / found.image
            yield _Raw(line, found.key, found.text, picture, found.context, found.weight)
    except OSError as error:
        raise FileUnusable(f"{source} cannot be read: {error.strerror}.") from error


def _folder(folder: Path) -> Iterator[_Raw]:
    pictures = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise FileUnusable(f"The folder {folder} holds no pictures ({known}).")
    for line, path in enumerate(pictures, start=1):
        yield _Raw(line, path.relative_to(folder).as_posix(), picture=path)


class _Keys:
    """Gives keys to rows without one and refuses a key used twice. Holds 16 bytes a row."""

    def __init__(self) -> None:
        self._lines: dict[bytes, int] = {}
        self._repeats: dict[str, int] = {}

    def good(self, raw: _Raw) -> GoodRow:
        if raw.picture is not None:
            width_px, height_px, digest = measure(raw.picture, MAX_PICTURE_BYTES)
            asset = Asset(raw.key or self._derive(digest), width_px=width_px, height_px=height_px)
            check_key(asset.key)
        else:
            text = raw.text or ""
            key = raw.key if raw.key is not None else self._derive(sha256_hex(text.encode()))
            asset = Asset(key, text=text, context=raw.context)
            check_asset(asset)
        self._claim(asset.key, raw.line)
        return GoodRow(raw.line, asset, raw.picture, raw.weight)

    def _derive(self, digest: str) -> str:
        key = digest[:_KEY_DIGITS]
        count = self._repeats[key] = self._repeats.get(key, 0) + 1
        return key if count == 1 else f"{key}-{count}"

    def _claim(self, key: str, line: int) -> None:
        short = bytes.fromhex(sha256_hex(key.encode())[:32])
        first = self._lines.setdefault(short, line)
        if first != line:
            raise BadLine(f'The key "{key}" was used in line {first} already.')


def check_key(key: str) -> None:
    """Raise KeyInvalid, by the rule that holds for every asset."""
    check_asset(Asset(key, text="."))
