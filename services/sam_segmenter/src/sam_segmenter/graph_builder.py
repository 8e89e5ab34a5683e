"""A graph in ONNX, written node by node."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper

_OPSET = 20
_IR = 9


class Builder:
    """Every call adds a node and returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[np.generic]] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one result."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [*inputs], [name], **attributes))
        return name

    def const(self, value: NDArray[np.generic] | float | Sequence[int]) -> str:
        """A constant: floats in single precision, whole numbers as int64."""
        array = np.asarray(value)
        array = array.astype(np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32)
        name = f"c{len(self._constants)}"
        self._constants[name] = array
        return name

    def reshape(self, value: str, *sides: int) -> str:
        """Reshape; -1 is worked out, 0 is kept."""
        return self.op("Reshape", value, self.const([*sides]))

    def transpose(self, value: str, *order: int) -> str:
        """Axes in another order."""
        return self.op("Transpose", value, perm=[*order])

    def name(self, value: str, name: str) -> None:
        """Call a result by a name of its own, as outputs are."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def model(
        self, inputs: Mapping[str, Sequence[int | str]], outputs: Mapping[str, Sequence[int | str]]
    ) -> ModelProto:
        """The graph with these inputs and outputs, all of floats, by name and shape."""
        ins, outs = (
            [
                helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [*shape])
                for name, shape in side.items()
            ]
            for side in (inputs, outputs)
        )
        constants = [numpy_helper.from_array(value, name) for name, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, "decoder", ins, outs, constants)
        opset = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=_IR)
