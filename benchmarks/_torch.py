"""segment-anything's own decoder in torch, run by an interpreter that has it, on the small model's weights."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from sam_segmenter.decoder import Decoded, ModelPrompt
from sam_segmenter.decoder_weights import weights

Floats = NDArray[np.float32]
_SCRIPT = Path(__file__).with_name("sam_torch_decoder.py")


def run(
    python: str, decoder: Path, embedding: Floats, prompt: ModelPrompt, threads: int, runs: int
) -> tuple[float, Decoded]:
    """Median milliseconds of torch's decoder, and its answer; `python` has torch and segment-anything."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        point = {"embedding": embedding[None], "xy": prompt.xy[None], "labels": prompt.labels[None]}
        np.savez(source, **weights(onnx.load(str(decoder))), **point)
        command = [python, str(_SCRIPT), str(source), str(target), str(threads), str(runs)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"torch's decoder did not run: {done.stderr.strip().splitlines()[-1]}")
        answer = np.load(target)
        decoded = Decoded(answer["logits"][0], answer["scores"][0])
    return float(json.loads(done.stdout.splitlines()[-1])["p50_ms"]), decoded
