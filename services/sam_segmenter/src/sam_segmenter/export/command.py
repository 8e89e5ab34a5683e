"""The command line of the export tool."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sam_segmenter.errors import SegmenterError
from sam_segmenter.export import checkpoint, repository
from sam_segmenter.export.configuration import Placement, Target

_TINY = "vit_t"
_NO_TINY = (
    "vit_t (MobileSAM) cannot be exported from its checkpoint: no maintained package has its image encoder, TinyViT. "
    "Put MobileSAM's encoder.onnx and decoder.onnx into a folder and use --from-onnx."
)
_NO_EXTRA = "This needs torch and segment-anything: see docs/triton.md, or use --from-onnx."
_EPILOG = f"{_NO_TINY} Weights are read without running code from them."
# More pictures at once make a GPU busy; on a CPU they only wait for each other.
_BATCH = {Target.CPU: 1, Target.GPU: 8}


def main(arguments: Sequence[str]) -> int:
    """`sam-segmenter export ...`; the exit status."""
    options = _parsed(arguments)
    place = Placement(
        Target(options.target),
        options.instances,
        options.batch or _BATCH[Target(options.target)],
        options.threads,
        options.tensorrt,
    )
    try:
        written = _export(options, place)
    except ImportError:
        print(_NO_EXTRA, file=sys.stderr)
        return 1
    except (SegmenterError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {written.name}, encoder {written.encoder_sha256}, {written.batch} at once")
    if written.batch < place.batch:
        print("This encoder's graph takes one picture at a time, whatever it declares.", file=sys.stderr)
    return 0


def _export(options: argparse.Namespace, place: Placement) -> repository.Written:
    if options.from_onnx:
        folder: Path = options.from_onnx
        return repository.write(
            folder / "encoder.onnx", folder / "decoder.onnx", options.out, options.name or "sam", place
        )
    with tempfile.TemporaryDirectory(prefix="sam-export-") as temporary:
        folder = Path(temporary)
        checkpoint.export(options.checkpoint, options.model_type, folder)
        return repository.write(
            folder / "encoder.onnx",
            folder / "decoder.onnx",
            options.out,
            options.name or options.model_type,
            place,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sam-segmenter export",
        description="Write a Triton model repository (encoder) and decoder.onnx (for the service).",
        epilog=_EPILOG,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from-onnx", type=Path, metavar="DIR", help="folder with stock encoder.onnx and decoder.onnx"
    )
    source.add_argument("--checkpoint", type=Path, metavar="FILE", help="official checkpoint, sam_vit_*.pth")
    parser.add_argument(
        "--model-type", choices=(*checkpoint.ENCODERS, _TINY), help="what the checkpoint is of"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="REPO", help="folder to write")
    parser.add_argument("--name", help="what the model is called (default: its type, or sam)")
    parser.add_argument("--target", choices=[*Target], default=Target.CPU, help="where Triton computes")
    parser.add_argument("--instances", type=_positive, default=1, help="copies of the encoder (default 1)")
    parser.add_argument("--threads", type=int, default=0, help="cores for each copy on a CPU (default: all)")
    parser.add_argument("--batch", type=_positive, help="pictures at once (default: 1 on a CPU, 8 on a GPU)")
    parser.add_argument(
        "--tensorrt", action="store_true", help="compute with TensorRT in half precision (GPU)"
    )
    return parser


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.model_type == _TINY:
        parser.error(_NO_TINY)
    if options.checkpoint and not options.model_type:
        parser.error("--checkpoint needs --model-type")
    if options.tensorrt and options.target != Target.GPU:
        parser.error("--tensorrt needs --target gpu")
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
