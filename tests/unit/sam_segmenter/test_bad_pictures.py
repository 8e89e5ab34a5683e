"""What is no picture, or only part of one, or far too much of one, is refused with one of three errors."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sam_segmenter.errors import PictureTooLarge, PictureTruncated, PictureUnreadable
from sam_segmenter.masks.sizes import MAX_PIXELS, MAX_SIDE_PX
from sam_segmenter.pictures import Picture, read

NOT_PICTURES = {
    "nothing": b"",
    "one byte": b"\0",
    "text": b"This is a text.",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    "portable pixmap": b"P6\n1 1\n255\nabc",
    "tga": b"\0\0\2" + bytes(9) + b"\1\0\1\0\x18\0abc",
    "zip": b"PK\3\4" + bytes(30),
    "zeros": bytes(100_000),
}


def refused(data: bytes) -> PictureTooLarge | PictureUnreadable | None:
    """The error of a file, None when it is read; anything else is raised."""
    try:
        picture = read(data, "0" * 64)
    except (PictureTooLarge, PictureUnreadable) as error:
        return error
    assert isinstance(picture, Picture)
    assert 0 < max(picture.height_px, picture.width_px) <= MAX_SIDE_PX
    assert picture.height_px * picture.width_px <= MAX_PIXELS
    return None


@pytest.mark.parametrize("name", NOT_PICTURES)
def test_other_files_are_no_pictures(name: str) -> None:
    error = refused(NOT_PICTURES[name])
    assert type(error) is PictureUnreadable
    assert "PNG, JPEG, WebP, TIFF, GIF or BMP" in str(error)


def test_a_file_that_ends_early_is_called_truncated(good_files: Mapping[str, bytes]) -> None:
    for name, data in good_files.items():
        if "animated" in name or "pages" in name:
            # The part that is left may hold all of the first frame.
            continue
        for share in (0.6, 0.75, 0.9):
            error = refused(data[: int(len(data) * share)])
            # libtiff calls a JPEG in a TIFF damaged and does not always say how.
            expected = PictureUnreadable if name == "jpeg tiff" else PictureTruncated
            assert isinstance(error, expected), (name, share)


def test_a_file_that_ends_anywhere_is_refused_or_whole(good_files: Mapping[str, bytes]) -> None:
    for name, data in good_files.items():
        whole = read(data, "").pixels
        for end in range(0, len(data), 7):
            if refused(data[:end]) is None:
                assert (read(data[:end], "").pixels == whole).all(), (name, end)


def test_pictures_beyond_the_limits_are_refused(bombs: Mapping[str, bytes]) -> None:
    assert len(bombs) == 11
    for name, data in bombs.items():
        error = refused(data)
        assert (name, type(error)) == (name, PictureTooLarge)
        assert re.search(r"30,000 .* 64 million", str(error))


_BOMBING = """
import resource, sys
from pathlib import Path
from sam_segmenter.errors import PictureTooLarge, PictureUnreadable
from sam_segmenter.pictures import read

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

bombs = [path.read_bytes() for path in Path(sys.argv[1]).iterdir()]
try:
    read(b"loads Pillow's parts", "")
except PictureUnreadable:
    before = peak()
for bomb in 200 * bombs:
    try:
        read(bomb, "")
    except PictureTooLarge:
        continue
    sys.exit("read a bomb")
print(peak() - before)
"""


def test_bombs_take_no_memory_and_leave_none_behind(bombs: Mapping[str, bytes], tmp_path: Path) -> None:
    """In a process of its own, since the peak of this one may be higher already."""
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BOMBING, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    # The smallest of them would take 192 MB once.
    assert int(run.stdout) < 8 << 10, "KiB of memory more than before the first bomb"
    assert run.stderr == ""


ANY = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIGNATURES = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"II*\0\x08\0\0\0",
    b"GIF89a",
    b"BM",
]


@ANY
@given(st.sampled_from(SIGNATURES), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(signature: bytes, rest: bytes) -> None:
    refused(signature + rest)


@ANY
@given(data=st.data())
def test_damaged_files_are_read_or_refused_in_silence(
    good_files: Mapping[str, bytes], capfd: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Bytes changed, cut out or put in, anywhere; nothing is written to stderr, not even by libtiff."""
    file = bytearray(good_files[data.draw(st.sampled_from(sorted(good_files)))])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    refused(bytes(file[: data.draw(st.sampled_from([None, len(file) // 2]))]))
    assert capfd.readouterr() == ("", "")
