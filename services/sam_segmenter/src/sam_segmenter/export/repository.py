"""Writing what Triton serves and what the service loads.

OUT/sam_encoder/config.pbtxt, 1/model.onnx         weights in single precision
OUT/sam_encoder_fp16/config.pbtxt, 1/model.onnx    weights stored in half precision
OUT/decoder.onnx                                   all four masks; Triton passes over files beside its folders
OUT/model.json                                     what it is, and the sha256 of both parts
"""

import dataclasses
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import ModelProto
from onnx.external_data_helper import load_external_data_for_model

from sam_segmenter import decoder_graph, encoder_graph
from sam_segmenter.encoder_graph import EMBEDDING_SHAPE, PIXELS, SIZE
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.export.configuration import Placement, configuration
from sam_segmenter.export.half import store_half
from sam_segmenter.frame import SIDE_PX

ENCODER, ENCODER_HALF = "sam_encoder", "sam_encoder_fp16"
# A message of protobuf holds 2 GiB, and the graph needs a little of it.
_MAX_INLINE_BYTES = (1 << 31) - (1 << 26)
# Sums in another order, in half precision.
_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True)
class Written:
    """What model.json says; `batch` is how many pictures Triton may encode at once."""

    name: str
    input_px: int
    batch: int
    encoder_sha256: str
    decoder_sha256: str


def write(encoder: Path, decoder: Path, out: Path, name: str, place: Placement) -> Written:
    """Write a repository of a stock encoder and decoder in ONNX. Raises ModelUnusable."""
    encoder_sha256 = encoder_graph.identify(encoder)
    model = encoder_graph.with_pixels(encoder_graph.load(encoder))
    _load_weights(model, encoder.parent)
    path = _save(model, out / ENCODER)
    place = dataclasses.replace(place, batch=_batch(model, path, place.batch))
    store_half(model)
    _save(model, out / ENCODER_HALF)
    for folder in (ENCODER, ENCODER_HALF):
        (out / folder / "config.pbtxt").write_text(configuration(folder, encoder_sha256, place))
    masks = _four_masks(decoder).SerializeToString()
    (out / "decoder.onnx").write_bytes(masks)
    written = Written(name, SIDE_PX, max(1, place.batch), encoder_sha256, sha256(masks).hexdigest())
    (out / "model.json").write_text(json.dumps(dataclasses.asdict(written), indent=2) + "\n")
    return written


def _batch(model: ModelProto, path: Path, wanted: int) -> int:
    """How many pictures the model can take at once, as Triton wants to be told: 0 when it knows of one only."""
    if not encoder_graph.batch_is_free(model):
        return 0
    return wanted if wanted == 1 or _takes_two(path) else 1


def _takes_two(path: Path) -> bool:
    """Whether two pictures at once give what each gives alone. Graphs say so and yet hold sizes of one picture."""
    options = onnxruntime.SessionOptions()
    # What fails here is an answer and not an error.
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no base of their own
        raise ModelUnusable("The encoder cannot be loaded: its weights or its graph are damaged.") from error
    pixels = np.zeros((2, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    pixels[1] = 255
    size = np.full((2, 2), SIDE_PX, dtype=np.int64)
    alone = [
        session.run(None, {PIXELS: pixels[at : at + 1], SIZE: size[at : at + 1]})[0][0] for at in range(2)
    ]
    try:
        together = session.run(None, {PIXELS: pixels, SIZE: size})[0]
    except Exception:  # noqa: BLE001 - the runtime's errors have no base of their own
        return False
    return together.shape == (2, *EMBEDDING_SHAPE) and np.allclose(together, alone, atol=_TOLERANCE)


def _four_masks(decoder: Path) -> ModelProto:
    try:
        model = onnx.load(decoder)
    except (OSError, DecodeError, ValueError) as error:
        raise ModelUnusable(f"The decoder {decoder.name} cannot be read.") from error
    return decoder_graph.four_masks(model)


def _load_weights(model: ModelProto, folder: Path) -> None:
    try:
        load_external_data_for_model(model, str(folder))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelUnusable("The encoder's weights cannot be read.") from error


def _save(model: ModelProto, folder: Path) -> Path:
    version = folder / "1"
    version.mkdir(parents=True, exist_ok=True)
    path = version / "model.onnx"
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) < _MAX_INLINE_BYTES:
        onnx.save(model, path)
    else:
        # The writer adds to a file that is there, and takes the weights out of the model.
        (version / "model.onnx.data").unlink(missing_ok=True)
        onnx.save(model, path, save_as_external_data=True, location="model.onnx.data")
        # It writes for its own user alone; Triton is another.
        (version / "model.onnx.data").chmod(0o644)
        load_external_data_for_model(model, str(version))
    return path
