"""Weights stored in half precision: half the file, and the same computation as soon as it is loaded."""

from collections.abc import Iterable

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# Smaller ones save nothing; among them are the biases and scales that precision matters to.
_LEAST_VALUES = 1024
_SUFFIX = "_half"


def store_half(model: ModelProto) -> None:
    """Change a graph in place: large float weights become float16, each with a cast to float32 that loaders fold."""
    nodes = [_cast(tensor.name) for tensor in model.graph.initializer if _is_large(tensor)]
    for tensor in model.graph.initializer:
        if _is_large(tensor):
            _halve(tensor, tensor.name + _SUFFIX)
    for node in model.graph.node:
        nodes.extend(_halved(node))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _halved(node: NodeProto) -> Iterable[NodeProto]:
    """The node, and a cast behind it if it was a constant with weights."""
    yield node
    if node.op_type != "Constant" or node.attribute[0].name != "value":
        return
    tensor = node.attribute[0].t
    if _is_large(tensor):
        name = node.output[0]
        _halve(tensor, tensor.name)
        node.output[0] = name + _SUFFIX
        yield _cast(name)


def _is_large(tensor: TensorProto) -> bool:
    return bool(tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= _LEAST_VALUES)


def _halve(tensor: TensorProto, name: str) -> None:
    values = numpy_helper.to_array(tensor).astype(np.float16)
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def _cast(name: str) -> NodeProto:
    return helper.make_node("Cast", [name + _SUFFIX], [name], to=TensorProto.FLOAT)
