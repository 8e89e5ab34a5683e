"""A backend for Triton that runs model.onnx with the onnxruntime package; tests install it under the name onnxruntime.

The tritonserver that comes as a Python package has only the python backend. With this file in a folder of its name it
serves the very repositories that a production image with NVIDIA's onnxruntime backend serves.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton  # type: ignore[import-not-found]  # the server brings it


class TritonPythonModel:
    """One instance of a model; the server knows the class by this name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model as its config.pbtxt says."""
        config = json.loads(args["model_config"])
        name = config.get("default_model_filename") or "model.onnx"
        options = onnxruntime.SessionOptions()
        threads = config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value", "0")
        options.intra_op_num_threads = int(threads)
        path = Path(args["model_repository"], args["model_version"], name)
        self._session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer what the server has put together as one batch."""
        fed = [
            {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}
            for request in requests
        ]
        if len(fed) == 1:
            return [self._response(self._session.run(self._outputs, fed[0]))]
        together = {name: np.concatenate([one[name] for one in fed]) for name in self._inputs}
        ends = np.cumsum([len(one[self._inputs[0]]) for one in fed])[:-1]
        parts = [np.split(values, ends) for values in self._session.run(self._outputs, together)]
        return [self._response(list(values)) for values in zip(*parts, strict=True)]

    def _response(self, values: list[Any]) -> Any:
        # The server wants contiguous memory, which a part of a batch is: batches are the first axis.
        tensors = [triton.Tensor(name, value) for name, value in zip(self._outputs, values, strict=True)]
        return triton.InferenceResponse(tensors)
