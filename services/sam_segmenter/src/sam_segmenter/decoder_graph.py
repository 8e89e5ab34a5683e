"""Cutting a Segment Anything decoder, as its authors' tool exports it to ONNX, into what the service runs.

The exported graph takes an embedding, points, a mask and whether there is one, and returns one mask that it chose by
counting points, scaled up to the picture. The service wants all four masks and does the choosing and scaling itself.
It also wants to do only once a picture what depends on the picture alone: without a mask the first projections of
the embedding do. The cut is found by following who depends on what, not by names, so it fits other exports too.

Integers that are computed from shapes depend on the prompt only formally, as there is always one prompt a call. They
are recognised by running the graph with prompts of several lengths: what stays the same is a constant.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper
from onnx.utils import Extractor

from sam_segmenter.errors import ModelUnusable

EMBEDDING, POINTS, LABELS, MASK, HAS_MASK = (
    "image_embeddings",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
)
LOGITS, SCORES = "low_res_masks", "iou_predictions"
MASKS = 4
_INPUTS = (EMBEDDING, POINTS, LABELS, MASK, HAS_MASK)
_MASKS_SHAPE, _SCORES_SHAPE = (1, MASKS, 256, 256), (1, MASKS)
_LENGTHS = (2, 3, 7)
Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Graphs:
    """The decoder in three parts.

    `image` turns an embedding into the tensors `held`; `prompt` turns points and those into logits 1 x 4 x 256 x 256
    and scores 1 x 4; `refine` does so from the embedding, points and a mask.
    """

    image: ModelProto
    prompt: ModelProto
    refine: ModelProto
    held: tuple[str, ...]


def cut(model: ModelProto) -> Graphs:
    """The parts of a decoder; raises ModelUnusable when it is none."""
    try:
        four = four_masks(model)
        refine = _with_constants(four, {HAS_MASK: np.ones(1, np.float32)})
        bare = {HAS_MASK: np.zeros(1, np.float32), MASK: np.zeros((1, 1, 256, 256), np.float32)}
        free = _with_constants(_shapes_settled(four), bare)
        held = _frontier(free)
        typed = _typed(free, held)
        image = _extract(typed, (EMBEDDING,), held)
        prompt = _extract(typed, (POINTS, LABELS, *held), (LOGITS, SCORES))
    except ModelUnusable:
        raise
    except Exception as error:  # the libraries have no common base for what a strange file makes them do
        raise ModelUnusable("The decoder is not a Segment Anything decoder in ONNX.") from error
    return Graphs(image, prompt, _extract(refine, (EMBEDDING, POINTS, LABELS, MASK), (LOGITS, SCORES)), held)


def four_masks(model: ModelProto) -> ModelProto:
    """The decoder with all its masks at the decoder's own resolution and their scores, and nothing behind those."""
    if not {*_INPUTS} <= {value.name for value in model.graph.input}:
        raise ModelUnusable("The decoder's inputs are not those of a Segment Anything decoder.")
    nodes = {output: node for node in model.graph.node for output in node.output}
    found = []
    for name, shape in ((LOGITS, _MASKS_SHAPE), (SCORES, _SCORES_SHAPE)):
        way = list(_first_inputs(nodes, name))
        values = _run(model, way, _prompt(_LENGTHS[0]))
        fitting = [at for at in way if values[at].shape == shape]
        if not fitting:
            raise ModelUnusable("The decoder does not have four masks.")
        found.append(fitting[0])
    renamed = dict(zip(found, (LOGITS, SCORES), strict=True))
    whole = _with_outputs(model, zip(found, (_MASKS_SHAPE, _SCORES_SHAPE), strict=True))
    return _renamed(_extract(whole, _INPUTS, found), renamed)


def trial() -> dict[str, Array]:
    """An input to compare two graphs by: two clicks, a point that says there is no box, and a made-up earlier mask."""
    made = _prompt(3)
    made[LABELS] = np.asarray([[1, 0, -1]], np.float32)
    made[MASK] = np.random.default_rng(0).normal(0, 8, (1, 1, 256, 256)).astype(np.float32)
    return made


def _first_inputs(nodes: Mapping[str, NodeProto], name: str) -> Iterable[str]:
    """The tensor and those it is made of, along the first input of each node."""
    while name in nodes:
        yield name
        if not nodes[name].input:
            return
        name = nodes[name].input[0]


def _with_outputs(model: ModelProto, outputs: Iterable[tuple[str, Sequence[int]]]) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    for name, shape in outputs:
        copy.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return copy


def _extract(model: ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> ModelProto:
    made: ModelProto = Extractor(model).extract_model(list(inputs), list(outputs))
    return made


def _renamed(model: ModelProto, names: Mapping[str, str]) -> ModelProto:
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in model.graph.output:
        value.name = names.get(value.name, value.name)
    return model


def _prompt(points: int) -> dict[str, Array]:
    """An input of that many points on a made-up embedding."""
    random = np.random.default_rng(points)
    return {
        EMBEDDING: random.standard_normal((1, 256, 64, 64), dtype=np.float32),
        POINTS: random.uniform(0, 1024, (1, points, 2)).astype(np.float32),
        LABELS: np.ones((1, points), np.float32),
        MASK: np.zeros((1, 1, 256, 256), np.float32),
        HAS_MASK: np.zeros(1, np.float32),
    }


def _run(model: ModelProto, names: Sequence[str], feed: Mapping[str, Array]) -> dict[str, Array]:
    """The values of inner tensors."""
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    given = {name: value for name, value in feed.items() if name in wanted}
    if "orig_im_size" in wanted:
        given["orig_im_size"] = np.asarray((1024, 1024), np.float32)
    return dict(zip(names, session.run(list(names), given), strict=True))


def _shapes_settled(model: ModelProto) -> ModelProto:
    """The model with the integers that no prompt changes written down as constants."""
    sized = {"Shape", "Gather", "Concat", "Unsqueeze", "Squeeze", "Reshape", "Slice", "Cast", "Mul", "Where"}
    sized |= {"Equal", "ConstantOfShape", "Div", "Add", "Sub"}
    candidates = _shape_tensors(model, sized)
    runs = [_run(model, candidates, _prompt(points)) for points in _LENGTHS]
    first, *others = runs
    settled = {
        name: value
        for name, value in first.items()
        if np.issubdtype(value.dtype, np.integer)
        and all(np.array_equal(value, other[name]) for other in others)
    }
    return _with_constants(model, settled)


def _shape_tensors(model: ModelProto, kinds: set[str]) -> list[str]:
    """Tensors computed from shapes and constants by nodes of these kinds."""
    known = {value.name for value in model.graph.initializer}
    shapes: list[str] = []
    for node in model.graph.node:
        if node.op_type == "Constant":
            known.update(node.output)
        elif node.op_type == "Shape" or (
            node.op_type in kinds and node.input and all(name in known for name in node.input if name)
        ):
            known.update(node.output)
            shapes.extend(node.output)
    return shapes


def _with_constants(model: ModelProto, values: Mapping[str, Array]) -> ModelProto:
    """The model with these tensors given instead of computed or passed in."""
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    kept = [node for node in graph.node if not set(node.output) <= values.keys() or not node.output]
    del graph.node[:]
    graph.node.extend(kept)
    inputs = [value for value in graph.input if value.name not in values]
    del graph.input[:]
    graph.input.extend(inputs)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return copy


def _frontier(model: ModelProto) -> tuple[str, ...]:
    """Tensors that depend on the embedding and not on the prompt, and that something on the prompt's side reads."""
    of_image, of_prompt = {EMBEDDING}, {POINTS, LABELS}
    for node in model.graph.node:
        reads = set(node.input)
        if reads & of_prompt:
            of_prompt.update(node.output)
        elif reads & of_image:
            of_image.update(node.output)
    held: dict[str, None] = {}
    for node in model.graph.node:
        if set(node.output) & of_prompt:
            held.update(dict.fromkeys(name for name in node.input if name in of_image))
    return tuple(held)


def _typed(model: ModelProto, held: Sequence[str]) -> ModelProto:
    """The model with the shapes of the held tensors declared, which an input needs."""
    values = _run(model, held, _prompt(_LENGTHS[0]))
    copy = ModelProto()
    copy.CopyFrom(model)
    there = {value.name for value in copy.graph.value_info}
    for name, value in values.items():
        if name not in there:
            kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
            copy.graph.value_info.append(onnx.helper.make_tensor_value_info(name, kind, value.shape))
    return copy
