"""The graph around a stock encoder, on a small one that is made here."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from sam_segmenter import encoder_graph
from sam_segmenter.encoder_graph import DEVIATION, MEAN
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.export.half import store_half


def session(model):
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def pictures(count):
    pixels = np.random.default_rng(2).integers(0, 256, (count, 1024, 1024, 3), dtype=np.uint8)
    return pixels, np.asarray([(1024, 683), (300, 1024), (1, 1)][:count], dtype=np.int64)


@pytest.mark.parametrize("names", [("input", "out"), ("pixels", "embedding"), ("size", "pixels")], ids=str)
def test_it_normalises_and_pads_like_the_stock_model_wants_it(small_encoder, names):
    pixels, sizes = pictures(3)
    stock = (pixels.astype(np.float32) - np.float32(MEAN)) / np.float32(DEVIATION)
    for picture, (height, width) in zip(stock, sizes, strict=True):
        picture[height:] = 0
        picture[:, width:] = 0
    (wanted,) = session(small_encoder()).run(None, {"input": stock.transpose(0, 3, 1, 2)})
    model = encoder_graph.with_pixels(small_encoder(names=names))
    (got,) = session(model).run(None, {"pixels": pixels, "size": sizes})
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, wanted.astype(np.float16))


def test_a_stock_model_is_left_as_it_was(small_encoder):
    stock = small_encoder()
    before = stock.SerializeToString(deterministic=True)
    encoder_graph.with_pixels(stock)
    assert stock.SerializeToString(deterministic=True) == before


def test_a_model_with_our_inputs_comes_back_as_it_is(small_encoder):
    ours = encoder_graph.with_pixels(small_encoder())
    assert encoder_graph.with_pixels(ours) is ours


def test_a_model_for_one_picture_stays_one(small_encoder):
    assert encoder_graph.batch_is_free(encoder_graph.with_pixels(small_encoder()))
    assert not encoder_graph.batch_is_free(encoder_graph.with_pixels(small_encoder(batch=1)))


@pytest.mark.parametrize("odd", [{"side": 512}, {"channels": 128}], ids=str)
def test_other_models_are_refused(small_encoder, odd):
    with pytest.raises(ModelUnusable):
        encoder_graph.with_pixels(small_encoder(**odd))


def test_files_that_are_no_models_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("not a model")
    for source in (tmp_path / "text.onnx", tmp_path / "nothing.onnx", b"\xff\xff"):
        with pytest.raises(ModelUnusable):
            encoder_graph.load(source)


@pytest.mark.parametrize("constant", [False, True])
def test_weights_stored_in_half_give_almost_the_same(small_encoder, constant):
    pixels, sizes = pictures(2)
    model = encoder_graph.with_pixels(small_encoder(constant=constant))
    (wanted,) = session(model).run(None, {"pixels": pixels, "size": sizes})
    size = len(model.SerializeToString())
    store_half(model)
    assert size - len(model.SerializeToString()) > 0.9 * 256 * 3 * 16 * 16 * 2
    (got,) = session(model).run(None, {"pixels": pixels, "size": sizes})
    np.testing.assert_allclose(got, wanted, atol=5e-3)


def test_a_model_is_known_by_its_weights_wherever_they_lie(small_encoder, tmp_path):
    for name, more in (("a", 0), ("b", 1)):
        model = small_encoder()
        weights = numpy_helper.to_array(model.graph.initializer[0]) + np.float32(more)
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
        (tmp_path / name).mkdir()
        path = tmp_path / name / "encoder.onnx"
        onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    a, b = (tmp_path / name / "encoder.onnx" for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    assert encoder_graph.identify(a) != encoder_graph.identify(b)
    whole = tmp_path / "whole.onnx"
    onnx.save(small_encoder(), whole)
    assert encoder_graph.identify(whole) == encoder_graph.identify(whole.read_bytes())
