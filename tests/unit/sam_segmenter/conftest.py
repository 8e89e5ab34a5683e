"""A small model in place of a large one."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(scope="session")
def small_encoder():
    """Makes an encoder of one convolution, with the inputs and outputs of a stock SAM encoder."""

    def make(batch="n", side=1024, channels=256, constant=False):
        values = np.random.default_rng(1).normal(0, 0.02, (channels, 3, 16, 16)).astype(np.float32)
        weights = numpy_helper.from_array(values, "weights")
        nodes = [helper.make_node("Conv", ["input", "weights"], ["out"], strides=[16, 16])]
        if constant:
            nodes.insert(0, helper.make_node("Constant", [], ["weights"], value=weights))
        cells = side // 16
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, side, side])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, channels, cells, cells])],
            [] if constant else [weights],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)

    return make
