"""The model that this service runs: its files, its identity, and the segmenter made of it."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from labelmesh.segmenter.v1.segmenter_service_pb2 import GetModelResponse
from sam_segmenter import encoder_graph
from sam_segmenter.decoder import Decoder, Features
from sam_segmenter.embeddings import Embeddings, Encoded, Shared
from sam_segmenter.encoder import Encoder, OnnxEncoder
from sam_segmenter.errors import ModelUnusable
from sam_segmenter.frame import SIDE_PX
from sam_segmenter.handles import LogitsStore
from sam_segmenter.pictures import Pictures
from sam_segmenter.segmenter import Segmenter
from sam_segmenter.settings import Settings
from sam_segmenter.triton import TritonEncoder

ENCODER, DECODER, DESCRIPTION = "encoder.onnx", "decoder.onnx", "model.json"
EXPORTED = Path("sam_encoder") / "1" / "model.onnx"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model is called, and the SHA-256 of its two files as 64 hexadecimal digits."""

    name: str
    encoder_sha256: str
    decoder_sha256: str

    @property
    def sha256(self) -> str:
        """One digest of both, since an embedding is of use only to the decoder that was trained with its encoder."""
        return hashlib.sha256(f"{self.encoder_sha256}{self.decoder_sha256}".encode()).hexdigest()


def identify(folder: Path, name: str) -> Identity:
    """The model in a folder: of encoder.onnx, or of the model.json that the export tool wrote.

    Raises ModelUnusable.
    """
    decoder = _sha256(folder / DECODER)
    if (folder / ENCODER).exists():
        return Identity(name, encoder_graph.identify(folder / ENCODER), decoder)
    try:
        described = json.loads((folder / DESCRIPTION).read_bytes())
        return Identity(name, str(described["encoder_sha256"]), decoder)
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelUnusable(
            f"The model folder has neither {ENCODER} nor a {DESCRIPTION} that says which one it was."
        ) from None


def encoder_file(folder: Path) -> Path:
    """The encoder to run in this process: encoder.onnx, or the one that the export tool wrote for Triton."""
    stock = folder / ENCODER
    return stock if stock.exists() else folder / EXPORTED


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise ModelUnusable(f"The model's file {path.name} cannot be read.") from None


def describe(settings: Settings, identity: Identity) -> GetModelResponse:
    """The model, for callers."""
    return GetModelResponse(
        name=identity.name,
        encoder_sha256=identity.encoder_sha256,
        decoder_sha256=identity.decoder_sha256,
        input_side_px=SIDE_PX,
        encoder_backend=settings.sam_encoder,
    )


@asynccontextmanager
async def segmenter(
    settings: Settings, folder: Path, identity: Identity, pictures: Pictures, shared: Shared
) -> AsyncIterator[Segmenter]:
    """The segmenter of the settings' model in a folder. Raises ModelUnusable."""
    decoder = await asyncio.to_thread(Decoder, folder / DECODER, settings.decoder_threads)
    encoder = await _encoder(settings, folder, identity)
    secret = settings.handle_secret.get_secret_value().encode() or secrets.token_bytes(32)

    async def prepare(encoded: Encoded) -> Features:
        return await asyncio.to_thread(decoder.prepare, encoded.embedding, encoded.sharpness)

    made = Segmenter(
        pictures,
        encoder,
        decoder,
        Embeddings(settings.embedding_bytes, shared, prepare),
        LogitsStore(settings.logits_bytes, secret),
        model_sha256=identity.sha256,
        decoders=settings.decoders,
    )
    try:
        yield made
    finally:
        await made.close()
        await encoder.close()


async def _encoder(settings: Settings, folder: Path, identity: Identity) -> Encoder:
    seconds = settings.encode_seconds
    if settings.sam_encoder == "onnxruntime":
        return await asyncio.to_thread(OnnxEncoder, encoder_file(folder), settings.encoder_threads, seconds)
    return TritonEncoder(
        settings.triton_url,
        settings.triton_model,
        identity.encoder_sha256,
        seconds=seconds,
        shared_memory=settings.triton_shared_memory,
    )
