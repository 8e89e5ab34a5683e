"""Settings of the service, from the environment with the prefix LABELMESH_; secrets also from files."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where sam_segmenter listens, which model it runs, where that is encoded, and how much it may hold."""

    service: str = "sam-segmenter"
    listen: str = "127.0.0.1:7404"
    sam_model_dir: Path | None = Field(
        None, description="folder with encoder.onnx and decoder.onnx; without it only MaskService works"
    )
    sam_model_name: str = Field("sam", min_length=1, max_length=200, description="what the model is called")
    sam_encoder: Literal["onnxruntime", "triton"] = Field(
        "onnxruntime", description="encode in this process, or on a Triton server"
    )
    triton_url: str = Field("127.0.0.1:8001", description="host:port of Triton's gRPC")
    triton_model: str = Field("sam_encoder", description="the encoder as Triton's model repository calls it")
    triton_shared_memory: bool = Field(
        False, description="hand pictures over in shared memory; only with Triton on the same host"
    )
    encode_seconds: float = Field(60.0, gt=0, le=600, description="longest encoding of a picture")
    encoder_threads: int = Field(0, ge=0, le=256, description="cores for an encoding; 0 takes all")
    decoder_threads: int = Field(0, ge=0, le=256, description="cores for one decoding; 0 takes all")
    decoders: int = Field(1, ge=1, le=256, description="decodings at once; more wait their turn")
    embedding_bytes: int = Field(
        1 << 30, ge=1 << 24, description="embeddings held in this process, bytes; about 14 MiB a picture"
    )
    shared_embeddings: bool = Field(True, description="share embeddings with other replicas through NATS")
    shared_embedding_bytes: int = Field(
        4 << 30, ge=1 << 24, description="embeddings held in NATS by all replicas together, bytes"
    )
    logits_bytes: int = Field(64 << 20, ge=1 << 20, description="logits held for refining clicks, bytes")
    handle_secret: SecretStr = Field(
        SecretStr(""), description="lets replicas recognise each other's logits handles; random when empty"
    )
    prefetch: int = Field(4, ge=0, le=64, description="pictures of an import encoded ahead; 0 turns it off")
    video_file_bytes: int = Field(256 << 20, ge=1 << 20, description="largest file of a video, bytes")
    video_bytes: int = Field(
        1 << 30, ge=1 << 20, description="files of all videos under work in this process, bytes"
    )
    video_sessions: int = Field(64, ge=1, le=10_000, description="videos under work in this process")
    tenant_video_sessions: int = Field(8, ge=1, le=10_000, description="videos under work a tenant")
    video_unused_seconds: float = Field(
        1_800.0, ge=1, le=86_400, description="after so long without use a video is put away"
    )
