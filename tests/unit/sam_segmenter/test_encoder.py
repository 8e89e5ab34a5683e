"""The encoder in this process, on a small model that is made here."""

import asyncio

import numpy as np
import onnx
import pytest

from sam_segmenter.encoder import OnnxEncoder, Room
from sam_segmenter.errors import EncoderSlow, EncoderUnavailable, ModelUnusable


@pytest.fixture(scope="module")
def model(small_encoder):
    return small_encoder().SerializeToString()


@pytest.fixture
async def encoder(model):
    encoder = OnnxEncoder(model, threads=1)
    yield encoder
    await encoder.close()


def grey(level):
    return np.full((1024, 1024, 3), level, dtype=np.uint8)


async def test_everyone_gets_the_embedding_of_their_own_picture(encoder):
    alone = [await encoder.encode(grey(level), 1024, 1024) for level in (0, 90, 250)]
    assert {embedding.shape for embedding in alone} == {(256, 64, 64)}
    assert {embedding.dtype for embedding in alone} == {np.dtype(np.float16)}
    levels = (250, 0, 90, 0, 250)
    together = await asyncio.gather(*(encoder.encode(grey(level), 1024, 1024) for level in levels))
    for level, embedding in zip(levels, together, strict=True):
        np.testing.assert_array_equal(embedding, alone[(0, 90, 250).index(level)])


async def test_what_lies_beyond_the_picture_does_not_matter(encoder):
    dirty = grey(90)
    dirty[512:] = 7
    np.testing.assert_array_equal(
        await encoder.encode(grey(90), 512, 1024), await encoder.encode(dirty, 512, 1024)
    )


async def test_those_who_stop_waiting_leave_room_for_others(model):
    encoder = OnnxEncoder(model, threads=1, waiting=4)
    leaving = [asyncio.create_task(encoder.encode(grey(1), 1024, 1024)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(EncoderUnavailable):
        await encoder.encode(grey(1), 1024, 1024)
    for task in leaving:
        task.cancel()
    ends = await asyncio.gather(*leaving, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}
    staying = [encoder.encode(grey(1), 1024, 1024) for _ in range(4)]
    assert len(await asyncio.gather(*staying)) == 4
    await encoder.close()


async def test_who_has_waited_long_enough_is_told(model):
    encoder = OnnxEncoder(model, threads=1, seconds=1e-6)
    with pytest.raises(EncoderSlow):
        await encoder.encode(grey(1), 1024, 1024)
    await encoder.close()


async def test_a_model_may_keep_its_weights_beside_it(model, small_encoder, tmp_path):
    path = tmp_path / "encoder.onnx"
    onnx.save(small_encoder(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    beside, whole = OnnxEncoder(path, threads=1), OnnxEncoder(model, threads=1)
    np.testing.assert_array_equal(
        await beside.encode(grey(9), 700, 900), await whole.encode(grey(9), 700, 900)
    )
    await beside.close()
    await whole.close()


def test_files_that_are_no_encoder_are_refused(small_encoder, tmp_path):
    path = tmp_path / "encoder.onnx"
    onnx.save(small_encoder(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    for source in (path, tmp_path / "nothing.onnx", b"nonsense"):
        with pytest.raises(ModelUnusable):
            OnnxEncoder(source, threads=1)


def test_a_full_room_lets_nobody_in_until_somebody_leaves():
    room = Room(1)
    with room:
        with pytest.raises(EncoderUnavailable), room:
            pass
        with pytest.raises(EncoderUnavailable), room:
            pass
    with room:
        pass
