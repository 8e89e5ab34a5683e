"""Shared memory as Triton would see it."""

import os
from pathlib import Path

import numpy as np
import pytest

from sam_segmenter import triton_memory
from sam_segmenter.triton_memory import SLOT_BYTES, SQUARE_BYTES, Slot


def test_a_picture_goes_in_and_an_embedding_comes_out_by_the_name():
    slot = Slot()
    with Path("/dev/shm", slot.name).open("r+b") as seen:
        square = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
        slot.write(square)
        assert seen.read(SQUARE_BYTES) == square.tobytes()
        embedding = np.random.default_rng(1).normal(size=(256, 64, 64)).astype(np.float16)
        seen.write(embedding.tobytes())
        seen.flush()
        np.testing.assert_array_equal(slot.read(), embedding)
        assert seen.tell() == SLOT_BYTES
    slot.close()


def test_only_we_may_open_it_its_name_says_whose_it_is_and_nothing_is_left():
    slot = Slot()
    path = Path("/dev/shm", slot.name)
    assert str(os.getpid()) in slot.name
    assert path.stat().st_mode & 0o077 == 0
    slot.unlink()
    assert not path.exists()
    slot.close()


def test_an_embedding_outlives_its_slot():
    slot = Slot()
    embedding = slot.read()
    slot.close()
    assert not embedding.any()


def test_a_full_file_system_is_an_error_and_leaves_nothing(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(triton_memory, "_FOLDER", tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        Slot()
    assert not list(tmp_path.iterdir())
