"""Triton's configuration of the encoder, as text."""

from dataclasses import dataclass
from enum import StrEnum

from sam_segmenter.encoder_graph import EMBEDDING, EMBEDDING_SHAPE, PIXELS, SIZE
from sam_segmenter.frame import SIDE_PX

# Behind so many a picture would be answered after its caller has given up.
_MAX_QUEUE = 64


class Target(StrEnum):
    """What Triton computes on."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Placement:
    """How an encoder is run: copies of it, pictures at once in each, cores for each (0: all; on a CPU only).

    `tensorrt` lets TensorRT compute in half precision, on a GPU only; the first start then takes minutes.
    """

    target: Target
    instances: int
    batch: int
    threads: int = 0
    tensorrt: bool = False


def configuration(name: str, model_sha256: str, place: Placement) -> str:
    """config.pbtxt for one encoder. `batch` 0 is for a model that takes one picture at a time and has no other way."""
    channels, rows, columns = EMBEDDING_SHAPE
    one = "" if place.batch else "1, "
    parts = [
        f'name: "{name}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {place.batch}",
        "input [",
        f'  {{ name: "{PIXELS}" data_type: TYPE_UINT8 dims: [ {one}{SIDE_PX}, {SIDE_PX}, 3 ] }},',
        f'  {{ name: "{SIZE}" data_type: TYPE_INT64 dims: [ {one}2 ] }}',
        "]",
        "output [",
        f'  {{ name: "{EMBEDDING}" data_type: TYPE_FP16 dims: [ {one}{channels}, {rows}, {columns} ] }}',
        "]",
        f"instance_group [ {{ count: {place.instances} kind: KIND_{place.target.upper()} }} ]",
    ]
    if place.batch:
        parts += [
            "dynamic_batching {",
            # While one batch is computed the next one gathers; nobody waits for company when there is none.
            "  max_queue_delay_microseconds: 0",
            f"  default_queue_policy {{ timeout_action: REJECT max_queue_size: {_MAX_QUEUE} }}",
            "}",
        ]
    parts.append(_parameter("model_sha256", model_sha256))
    if place.target is Target.CPU:
        parts.append(_parameter("intra_op_thread_count", str(place.threads)))
    if place.tensorrt:
        parts.append(_TENSORRT)
    return "\n".join(parts) + "\n"


def _parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}'


_TENSORRT = """\
optimization { execution_accelerators { gpu_execution_accelerator: [ {
  name: "tensorrt"
  parameters { key: "precision_mode" value: "FP16" }
  parameters { key: "trt_engine_cache_enable" value: "true" }
  parameters { key: "trt_engine_cache_path" value: "/tmp" }
} ] } }"""
