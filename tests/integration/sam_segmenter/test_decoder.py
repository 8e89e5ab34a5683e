"""The decoder against the stock graph it was cut from, on the real small model."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from sam_segmenter import decoder_graph, decoder_weights
from sam_segmenter.decoder import Decoder, ModelPrompt
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.sharpness import Sharpness

SHARP = Sharpness(np.zeros((64, 64), np.float16))


@pytest.fixture(scope="module")
def decoder(sam_dir: Path) -> Decoder:
    return Decoder(sam_dir / "decoder.onnx")


@pytest.fixture(scope="module")
def stock(sam_dir: Path) -> ort.InferenceSession:
    """The exported decoder itself, with nothing cut away but the choice of a mask and the scaling."""
    model = decoder_graph.four_masks(onnx.load(str(sam_dir / "decoder.onnx")))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def embedding() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((256, 64, 64), dtype=np.float32).astype(np.float16)


def ask(stock: ort.InferenceSession, embedding: np.ndarray, xy, labels, mask=None) -> list[np.ndarray]:
    feed = {
        "image_embeddings": embedding[None].astype(np.float32),
        "point_coords": np.asarray([xy], np.float32),
        "point_labels": np.asarray([labels], np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), np.float32) if mask is None else mask[None, None],
        "has_mask_input": np.full(1, 0 if mask is None else 1, np.float32),
    }
    return stock.run(["low_res_masks", "iou_predictions"], feed)


CLICKS = [(100.5 + 70 * n % 900, 40.0 + 131 * n % 900) for n in range(40)]


@pytest.mark.parametrize("points", [1, 2, 9, 10, 40])
def test_clicks_are_answered_as_the_stock_decoder_answers(decoder, stock, embedding, points: int) -> None:
    xy, labels = CLICKS[:points], [float(n % 3 != 1) for n in range(points)]
    features = decoder.prepare(embedding, SHARP)
    found = decoder.decode(features, ModelPrompt(np.asarray(xy, np.float32), np.asarray(labels, np.float32)))
    logits, scores = ask(stock, embedding, [*xy, (0, 0)], [*labels, -1])
    assert found.logits.shape == (4, 256, 256)
    assert np.abs(found.logits - logits[0]).max() < 1e-3
    assert np.abs(found.predicted_iou - np.clip(scores[0], 0, 1)).max() < 1e-4


def test_a_box_with_clicks_is_answered_as_the_stock_decoder_answers(decoder, stock, embedding) -> None:
    xy, labels = [(300, 300), (100, 120), (600, 700)], [1, 2, 3]
    prompt = ModelPrompt(np.asarray(xy, np.float32), np.asarray(labels, np.float32))
    found = decoder.decode(decoder.prepare(embedding, SHARP), prompt)
    assert np.abs(found.logits - ask(stock, embedding, xy, labels)[0][0]).max() < 1e-3


def test_earlier_logits_are_taken_as_the_stock_decoder_takes_them(decoder, stock, embedding) -> None:
    mask = np.random.default_rng(1).normal(0, 8, (256, 256)).astype(np.float32)
    prompt = ModelPrompt(np.asarray([(300, 300)], np.float32), np.ones(1, np.float32), mask)
    found = decoder.decode(decoder.prepare(embedding, SHARP), prompt)
    expected = ask(stock, embedding, [(300, 300), (0, 0)], [1, -1], mask)[0][0]
    assert np.abs(found.logits - expected).max() < 1e-3


def test_the_graph_for_few_points_is_used_and_a_changed_weight_is_noticed(sam_dir, decoder, tmp_path) -> None:
    assert decoder.is_fast
    model = onnx.load(str(sam_dir / "decoder.onnx"))
    # A norm that the weights' reader does not look for under another name: the graph must not be trusted then.
    for value in model.graph.initializer:
        if value.name == "mask_decoder.transformer.norm_final_attn.weight":
            value.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(value), "renamed"))
    for node in model.graph.node:
        node.input[:] = ["renamed" if "norm_final_attn.weight" in name else name for name in node.input]
    path = tmp_path / "decoder.onnx"
    onnx.save(model, str(path))
    other = Decoder(path)
    assert not other.is_fast
    embedding = np.zeros((256, 64, 64), np.float16)
    prompt = ModelPrompt(np.asarray([(300, 300)], np.float32), np.ones(1, np.float32))
    one, two = (d.decode(d.prepare(embedding, SHARP), prompt) for d in (decoder, other))
    assert np.abs(one.logits - two.logits).max() < 1e-3


def test_every_weight_of_the_decoder_is_found_by_name(sam_dir) -> None:
    found = decoder_weights.weights(onnx.load(str(sam_dir / "decoder.onnx")))
    assert found["mask_decoder.mask_tokens.weight"].shape == (4, 256)
    assert found["mask_decoder.transformer.layers.1.mlp.lin1.weight"].shape == (2048, 256)
    assert found["prompt_encoder.no_mask_embed.weight"].shape == (1, 256)
    assert len([name for name in found if name.startswith("mask_decoder.")]) == 120


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" * 100])
def test_what_is_no_decoder_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "decoder.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelUnusable):
        Decoder(path)


def test_the_encoder_is_no_decoder(sam_dir: Path) -> None:
    with pytest.raises(ModelUnusable):
        Decoder(sam_dir / "encoder.onnx")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable):
        Decoder(tmp_path / "decoder.onnx")
