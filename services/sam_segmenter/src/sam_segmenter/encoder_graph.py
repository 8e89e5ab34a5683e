"""The image encoder's ONNX graph, made to take bytes and to give half precision.

A stock encoder wants 3 x 1024 x 1024 normalised floats, 12 MiB, of which everything beyond the picture is zero. Ours
takes the bytes of the square and the size of its filled part, 3 MiB, and gives half precision back: a quarter and a
half of what would cross a wire, and no client can normalise differently from another.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from sam_segmenter.errors import ModelUnusable
from sam_segmenter.frame import SIDE_PX

#: Names of our graph's inputs and output.
PIXELS, SIZE, EMBEDDING = "pixels", "size", "embedding"
#: What the weights were trained with, per colour (red, green, blue) on the scale 0 to 255.
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)
EMBEDDING_SHAPE = (256, 64, 64)

_PREFIX = "labelmesh_"
_CHUNK_BYTES = 1 << 22


def load(source: Path | bytes) -> ModelProto:
    """An encoder's graph; weights that lie in files of their own stay there. Raises ModelUnusable."""
    try:
        if isinstance(source, bytes):
            return onnx.load_model_from_string(source)
        return onnx.load_model(source, load_external_data=False)
    except (OSError, DecodeError, ValueError) as error:
        raise ModelUnusable("The encoder's file is missing or not ONNX.") from error


def identify(source: Path | bytes) -> str:
    """The sha256 that stands for a model in caches: of its file, and of the files with its weights if it has any."""
    if isinstance(source, bytes):
        return sha256(source).hexdigest()
    digest = sha256()
    try:
        for path in (source, *_weight_files(source)):
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
    except OSError as error:
        raise ModelUnusable("The encoder's files cannot be read.") from error
    return digest.hexdigest()


def with_pixels(stock: ModelProto) -> ModelProto:
    """Our graph around a stock encoder; one that is ours already comes back as it is. Raises ModelUnusable.

    Inputs: `pixels` uint8 [N, 1024, 1024, 3] and `size` int64 [N, 2], height and width in pixels of the part that the
    picture fills. Output: `embedding` float16 [N, 256, 64, 64].
    """
    graph = stock.graph
    if {value.name for value in graph.input} >= {PIXELS, SIZE}:
        _check_output(graph)
        return stock
    _stock_ends(graph)
    batch = _batch(graph.input[0])
    ours = ModelProto()
    ours.CopyFrom(stock)
    graph = ours.graph
    _leave_names(graph)
    normalised, embedding = _stock_ends(graph)
    del graph.input[:], graph.output[:]
    graph.input.append(helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, [batch, SIDE_PX, SIDE_PX, 3]))
    graph.input.append(helper.make_tensor_value_info(SIZE, TensorProto.INT64, [batch, 2]))
    graph.output.append(
        helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT16, [batch, *EMBEDDING_SHAPE])
    )
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend(_before(normalised))
    graph.node.extend(inner)
    graph.node.append(helper.make_node("Cast", [embedding], [EMBEDDING], to=TensorProto.FLOAT16))
    graph.initializer.extend(_constants())
    return ours


def batch_is_free(model: ModelProto) -> bool:
    """Whether the model encodes any number of pictures at once."""
    return isinstance(_batch(model.graph.input[0]), str)


def _weight_files(path: Path) -> list[Path]:
    names = {
        entry.value
        for tensor in load(path).graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path.parent / name for name in sorted(names)]


def _before(normalised: str) -> Iterable[NodeProto]:
    """From bytes, channels last, to normalised floats, channels first, and zero beyond the picture."""
    n = {name: _PREFIX + name for name in _NAMES}
    # The bytes are turned around, not the floats: a quarter to move.
    yield helper.make_node("Transpose", [PIXELS], [n["planes"]], perm=[0, 3, 1, 2])
    yield helper.make_node("Cast", [n["planes"]], [n["floats"]], to=TensorProto.FLOAT)
    yield helper.make_node("Sub", [n["floats"], n["mean"]], [n["centred"]])
    yield helper.make_node("Div", [n["centred"], n["deviation"]], [n["scaled"]])
    # `size` is [N, 2]; its columns are compared with the numbers of the rows and of the columns.
    yield helper.make_node("Gather", [SIZE, n["zero"]], [n["height"]], axis=1)
    yield helper.make_node("Gather", [SIZE, n["one"]], [n["width"]], axis=1)
    yield helper.make_node("Reshape", [n["height"], n["column"]], [n["heights"]])
    yield helper.make_node("Reshape", [n["width"], n["column"]], [n["widths"]])
    yield helper.make_node("Less", [n["rows"], n["heights"]], [n["above"]])
    yield helper.make_node("Less", [n["columns"], n["widths"]], [n["left"]])
    yield helper.make_node("And", [n["above"], n["left"]], [n["inside"]])
    yield helper.make_node("Where", [n["inside"], n["scaled"], n["nothing"]], [normalised])


_NAMES = (
    *("planes", "floats", "mean", "centred", "deviation", "scaled", "zero", "one", "height", "width"),
    *("column", "heights", "widths", "rows", "columns", "above", "left", "inside", "nothing"),
)


def _leave_names(graph: onnx.GraphProto) -> None:
    """Rename what a stock model calls by one of our names."""
    values = (*graph.input, *graph.output, *graph.value_info)
    for value in values:
        value.name = _apart(value.name)
    for tensor in graph.initializer:
        tensor.name = _apart(tensor.name)
    for node in graph.node:
        node.input[:] = map(_apart, node.input)
        node.output[:] = map(_apart, node.output)


def _apart(name: str) -> str:
    return _PREFIX + name if name in (PIXELS, SIZE, EMBEDDING) else name


def _constants() -> Iterable[TensorProto]:
    numbers = np.arange(SIDE_PX, dtype=np.int64)
    values: dict[str, NDArray[np.generic]] = {
        "mean": np.asarray(MEAN, dtype=np.float32).reshape(1, 3, 1, 1),
        "deviation": np.asarray(DEVIATION, dtype=np.float32).reshape(1, 3, 1, 1),
        "zero": np.asarray([0], dtype=np.int64),
        "one": np.asarray([1], dtype=np.int64),
        "column": np.asarray([-1, 1, 1, 1], dtype=np.int64),
        "rows": numbers.reshape(1, 1, SIDE_PX, 1),
        "columns": numbers.reshape(1, 1, 1, SIDE_PX),
        "nothing": np.asarray(0, dtype=np.float32),
    }
    for name, value in values.items():
        yield numpy_helper.from_array(value, _PREFIX + name)


def _stock_ends(graph: onnx.GraphProto) -> tuple[str, str]:
    """The names of a stock encoder's input and output. Raises ModelUnusable."""
    # Old exporters list the weights among the inputs.
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ModelUnusable("The encoder must have one input and one output.")
    if not _fits(inputs[0], TensorProto.FLOAT, (3, SIDE_PX, SIDE_PX)):
        raise ModelUnusable("The encoder's input must be float32, N x 3 x 1024 x 1024.")
    if not _fits(graph.output[0], TensorProto.FLOAT, EMBEDDING_SHAPE):
        raise ModelUnusable("The encoder's output must be float32, N x 256 x 64 x 64.")
    return inputs[0].name, graph.output[0].name


def _check_output(graph: onnx.GraphProto) -> None:
    if not any(v.name == EMBEDDING and _fits(v, TensorProto.FLOAT16, EMBEDDING_SHAPE) for v in graph.output):
        raise ModelUnusable("The encoder's output must be float16, N x 256 x 64 x 64.")


def _fits(value: onnx.ValueInfoProto, kind: int, sizes: tuple[int, ...]) -> bool:
    """Whether elements and sizes, but the first, are these; exporters leave sizes open that they did not follow."""
    tensor = value.type.tensor_type
    found = [size.dim_value for size in tensor.shape.dim[1:]]
    return (
        tensor.elem_type == kind
        and len(found) == len(sizes)
        and all(is_ in (0, wanted) for is_, wanted in zip(found, sizes, strict=True))
    )


def _batch(value: onnx.ValueInfoProto) -> int | str:
    size = value.type.tensor_type.shape.dim[0]
    return size.dim_value or size.dim_param or "batch"
