"""Settings: read once from the environment, refused when they are not safe."""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """What every service can be told, as LABELMESH_<NAME>; or from a file as LABELMESH_<NAME>_FILE."""

    model_config = SettingsConfigDict(env_prefix="LABELMESH_", extra="ignore")

    service: str = Field("", description="name in logs, traces and on the bus; set by the service itself")
    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC server; port 0 takes a free one")
    metrics_listen: str = Field("", description="host:port of the Prometheus page; empty is off")
    nats_url: str = Field("nats://127.0.0.1:4222", repr=False)
    nats_credentials_file: Path | None = None
    database_url: str = Field("", repr=False, description="sqlite:///file or postgresql://user:password@host/name")
    blob_url: str = Field("", description="file:///folder, s3://bucket, gs://bucket or az://container")
    log_level: str = "INFO"
    otlp_endpoint: str = Field("", description="OpenTelemetry collector over HTTP; empty keeps traces to headers")
    trace_ratio: float = Field(1.0, ge=0, le=1)
    tokens_file: Path | None = Field(None, description='JSON {"sha256 of a token": {"tenant": .., "actor": ..}}')
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    allow_plaintext: bool = Field(False, description="tokens without TLS: only behind a mesh that encrypts")
    drain_seconds: float = Field(0.0, ge=0, le=300)
    grace_seconds: float = Field(10.0, ge=0, le=300)

    @model_validator(mode="after")
    def _safe(self) -> "ServiceSettings":
        host = self.listen.rpartition(":")[0].strip("[]")
        if not _is_loopback(host):
            if self.tokens_file is None:
                raise ValueError(f"listen {self.listen} is not loopback: it needs tokens_file.")
            if self.tls_cert_file is None and not self.allow_plaintext:
                raise ValueError(f"listen {self.listen} is not loopback: it needs tls_cert_file or allow_plaintext.")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together.")
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(cls: type[S], **defaults: Any) -> S:
    """Build the settings from the environment; on an error print it as a sentence and exit with 2."""
    try:
        return cls(**_secrets_from_files(cls), **defaults)
    except (ValidationError, OSError) as error:
        for line in _sentences(error):
            print(line, file=sys.stderr)
        raise SystemExit(2) from None


def _secrets_from_files(cls: type[ServiceSettings]) -> dict[str, str]:
    """Values that LABELMESH_<NAME>_FILE points to, for fields that are not files themselves."""
    found = {}
    for name in cls.model_fields:
        path = os.environ.get(f"LABELMESH_{name.upper()}_FILE")
        if path and f"{name}_file" not in cls.model_fields:
            found[name] = Path(path).read_text().strip()
    return found


def _sentences(error: ValidationError | OSError) -> list[str]:
    if isinstance(error, OSError):
        return [f"A settings file cannot be read: {error}"]
    return [
        f"LABELMESH_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" if e["loc"] else str(e["msg"])
        for e in error.errors(include_input=False)
    ]
