"""The small model's decoder weights under the names that segment-anything gives them, and torch to run them on."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

from sam_segmenter.decoder import Decoded, ModelPrompt

Floats = NDArray[np.float32]
_SCRIPT = Path(__file__).with_name("sam_torch_decoder.py")
_PREFIX = "model."
# Tensors that the exporter folded or renamed, by the node that reads them.
_NORMS = {
    "/mask_downscaling/mask_downscaling.1": "prompt_encoder.mask_downscaling.1",
    "/mask_downscaling/mask_downscaling.4": "prompt_encoder.mask_downscaling.4",
    "/output_upscaling/output_upscaling.1": "mask_decoder.output_upscaling.1",
}


def weights(path: Path) -> dict[str, Floats]:
    """Name in segment-anything -> array, of a decoder in ONNX."""
    graph = onnx.load(str(path)).graph
    arrays = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    made = {
        name.removeprefix(_PREFIX): value for name, value in arrays.items() if not name.startswith("onnx::")
    }
    by_output = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        made |= dict(_folded(node, by_output, arrays))
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in made.items()}


def _folded(
    node: NodeProto, by_output: Mapping[str, NodeProto], arrays: Mapping[str, Floats]
) -> Iterator[tuple[str, Floats]]:
    folder, _, kind = node.name.rpartition("/")
    given = [name for name in node.input if name in arrays]
    if node.op_type == "Add" and given and given[0].endswith(".bias"):
        # A linear layer: its bias kept its name, its weight was turned for MatMul and lost it.
        for name in node.input:
            product = by_output.get(name)
            if product is not None and product.op_type == "MatMul" and product.input[1] in arrays:
                layer = given[0].removeprefix(_PREFIX).removesuffix(".bias")
                yield f"{layer}.weight", arrays[product.input[1]].T
    elif folder in _NORMS and given and kind in ("Mul", "Add_1"):
        part = "weight" if kind == "Mul" else "bias"
        yield f"{_NORMS[folder]}.{part}", arrays[given[0]].reshape(-1)
    elif node.name == "/Mul_9":
        yield "prompt_encoder.no_mask_embed.weight", arrays[given[0]].reshape(1, -1)
    elif node.name == "/Expand_1":
        tokens = arrays[given[0]][0]
        yield "mask_decoder.iou_token.weight", tokens[:1]
        yield "mask_decoder.mask_tokens.weight", tokens[1:]


def run(
    python: str, decoder: Path, embedding: Floats, prompt: ModelPrompt, threads: int, runs: int
) -> tuple[float, Decoded]:
    """Median milliseconds of torch's decoder, and its answer; `python` has torch and segment-anything."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        point = {"embedding": embedding[None], "xy": prompt.xy[None], "labels": prompt.labels[None]}
        np.savez(source, **weights(decoder), **point)
        command = [python, str(_SCRIPT), str(source), str(target), str(threads), str(runs)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"torch's decoder did not run: {done.stderr.strip().splitlines()[-1]}")
        answer = np.load(target)
        decoded = Decoded(answer["logits"][0], answer["scores"][0])
    return float(json.loads(done.stdout.splitlines()[-1])["p50_ms"]), decoded
