"""The weights of an exported decoder under the names that segment-anything gives them.

The exporter keeps most names. It turns the weight of a linear layer round for MatMul and forgets what it was called,
so that one is found by the bias that is added to the product; a few others by the one node that reads them.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

Weights = dict[str, NDArray[np.float32]]

_PREFIXES = ("model.prompt_encoder.", "model.mask_decoder.", "prompt_encoder.", "mask_decoder.")
_NORMS = {
    "/mask_downscaling/mask_downscaling.1": "prompt_encoder.mask_downscaling.1",
    "/mask_downscaling/mask_downscaling.4": "prompt_encoder.mask_downscaling.4",
    "/output_upscaling/output_upscaling.1": "mask_decoder.output_upscaling.1",
}


def weights(model: ModelProto) -> Weights:
    """Name in segment-anything, such as `mask_decoder.iou_token.weight`, to array; what cannot be told is left out."""
    graph = model.graph
    arrays = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    made = {_plain(name): value for name, value in arrays.items() if name.startswith(_PREFIXES)}
    by_output = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        made |= dict(_folded(node, by_output, arrays))
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in made.items()}


def _plain(name: str) -> str:
    return name.removeprefix("model.")


def _folded(
    node: NodeProto, by_output: Mapping[str, NodeProto], arrays: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    folder, _, kind = node.name.rpartition("/")
    given = [name for name in node.input if name in arrays]
    if not given:
        return
    if node.op_type == "Add" and given[0].endswith(".bias"):
        for name in node.input:
            product = by_output.get(name)
            if product is not None and product.op_type == "MatMul" and product.input[1] in arrays:
                layer = _plain(given[0]).removesuffix(".bias")
                yield f"{layer}.weight", arrays[product.input[1]].T
    elif folder in _NORMS and kind in ("Mul", "Add_1"):
        yield f"{_NORMS[folder]}.{'weight' if kind == 'Mul' else 'bias'}", arrays[given[0]].reshape(-1)
    elif node.op_type == "Expand" and arrays[given[0]].shape == (1, 5, 256):
        tokens = arrays[given[0]][0]
        yield "mask_decoder.iou_token.weight", tokens[:1]
        yield "mask_decoder.mask_tokens.weight", tokens[1:]
    elif node.op_type == "Mul" and arrays[given[0]].shape == (1, 256, 1, 1):
        yield "prompt_encoder.no_mask_embed.weight", arrays[given[0]].reshape(1, -1)
