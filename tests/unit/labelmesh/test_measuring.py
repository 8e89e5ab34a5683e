"""A picture's size as displayed, from its header alone."""

import hashlib
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from labelmesh.client.files.picture import PictureUnreadable, measure

MOST = 1 << 20


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_every_kind_is_measured(tmp_path: Path, form: str) -> None:
    path = tmp_path / "p"
    Image.new("RGB", (40, 30)).save(path, form)
    assert measure(path, MOST) == (40, 30, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_measured_as_it_is_turned(tmp_path: Path, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", (40, 30)).save(tmp_path / "p", form, exif=exif)
    assert measure(tmp_path / "p", MOST)[:2] == ((30, 40) if orientation in (5, 6, 7, 8) else (40, 30))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\xff\xff"])
def test_damaged_exif_turns_nothing(tmp_path: Path, exif: bytes) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "p", "PNG", exif=exif)
    assert measure(tmp_path / "p", MOST)[:2] == (40, 30)


def png(path: Path, width: int, height: int) -> Path:
    """A PNG of that size without any pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
    chunks = [struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_a_large_picture_is_measured_and_not_decoded(tmp_path: Path) -> None:
    """The pixels are not even there, and Pillow's warning of so many is no error."""
    assert measure(png(tmp_path / "p.png", 12_000, 13_000), MOST)[:2] == (12_000, 13_000)


def test_what_cannot_be_measured_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "svg.png").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "cut.png").write_bytes(png(tmp_path / "p.png", 9, 9).read_bytes()[:20])
    png(tmp_path / "bomb.png", 30_000, 30_000)
    png(tmp_path / "flat.png", 0, 9)
    for name, sentence in {
        "text.png": "The file text.png is not a PNG, JPEG, GIF, BMP or WebP picture.",
        "svg.png": "The file svg.png is not a PNG",
        "cut.png": "The file cut.png is not a PNG",
        "flat.png": "flat.png",
        "empty.png": "The picture empty.png is empty or larger than 1 MiB.",
        "bomb.png": "The picture bomb.png has more than 178 million pixels.",
        "none.png": "cannot be read: No such file or directory.",
        ".": "cannot be read: Is a directory.",
    }.items():
        with pytest.raises(PictureUnreadable) as refusal:
            measure(tmp_path / name, MOST)
        assert sentence in str(refusal.value)
