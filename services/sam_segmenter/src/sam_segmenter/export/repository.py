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

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto
from onnx.external_data_helper import load_external_data_for_model

from sam_segmenter import decoder_graph, encoder_graph
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.export.configuration import Placement, configuration
from sam_segmenter.export.half import store_half
from sam_segmenter.frame import SIDE_PX

ENCODER, ENCODER_HALF = "sam_encoder", "sam_encoder_fp16"
# A message of protobuf holds 2 GiB, and the graph needs a little of it.
_MAX_INLINE_BYTES = (1 << 31) - (1 << 26)


@dataclass(frozen=True, slots=True)
class Written:
    """What model.json says."""

    name: str
    input_px: int
    encoder_sha256: str
    decoder_sha256: str


def write(encoder: Path, decoder: Path, out: Path, name: str, place: Placement) -> Written:
    """Write a repository of a stock encoder and decoder in ONNX. Raises ModelUnusable."""
    encoder_sha256 = encoder_graph.identify(encoder)
    model = encoder_graph.with_pixels(encoder_graph.load(encoder))
    if not encoder_graph.batch_is_free(model):
        place = dataclasses.replace(place, batch=0)
    _load_weights(model, encoder.parent)
    _write_model(model, out / ENCODER, encoder_sha256, place)
    store_half(model)
    _write_model(model, out / ENCODER_HALF, encoder_sha256, place)
    masks = _four_masks(decoder).SerializeToString()
    (out / "decoder.onnx").write_bytes(masks)
    written = Written(name, SIDE_PX, encoder_sha256, sha256(masks).hexdigest())
    (out / "model.json").write_text(json.dumps(dataclasses.asdict(written), indent=2) + "\n")
    return written


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


def _write_model(model: ModelProto, folder: Path, model_sha256: str, place: Placement) -> None:
    version = folder / "1"
    version.mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(configuration(folder.name, model_sha256, place))
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) < _MAX_INLINE_BYTES:
        onnx.save(model, version / "model.onnx")
    else:
        # The writer adds to a file that is there.
        (version / "model.onnx.data").unlink(missing_ok=True)
        onnx.save(model, version / "model.onnx", save_as_external_data=True, location="model.onnx.data")
        load_external_data_for_model(model, str(version))
