"""sam-segmenter: the parts, and how they fit together."""

import sys

from chassis.serve import run, serve
from labelmesh.segmenter.v1 import mask_service_pb2
from labelmesh.segmenter.v1.mask_service_pb2_grpc import add_MaskServiceServicer_to_server
from sam_segmenter.export import command
from sam_segmenter.servicer import STATUS, MaskServicer
from sam_segmenter.settings import Settings


async def serve_masks(settings: Settings) -> None:
    """Serve until stopped."""
    descriptor = mask_service_pb2.DESCRIPTOR.services_by_name["MaskService"]
    await serve(settings, [(add_MaskServiceServicer_to_server, MaskServicer(), descriptor)], errors=STATUS)


def main() -> None:
    """Console script `sam-segmenter`: serves; `sam-segmenter export ...` writes a Triton model repository."""
    if sys.argv[1:2] == ["export"]:
        sys.exit(command.main(sys.argv[2:]))
    run(serve_masks, Settings)


if __name__ == "__main__":
    main()
