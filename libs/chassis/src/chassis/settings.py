"""What every service can be told from outside: environment with the prefix LABELMESH_, secrets by file."""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LABELMESH_"
S = TypeVar("S", bound="ServiceSettings")


class _Files(PydanticBaseSettingsSource):
    """`LABELMESH_<NAME>_FILE` names a file whose content is the setting, as mounted secrets are."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{PREFIX}{field_name.upper()}_FILE names a file that cannot be read") from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class ServiceSettings(BaseSettings):
    """Settings all services share; a service adds its own in a subclass. Durations are seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    service: str = Field(
        default="", description="name in logs, traces and on the bus; each service sets its own"
    )
    listen: str = Field(default="127.0.0.1:0", description="host:port of gRPC; port 0 takes a free one")
    metrics_listen: str = Field(
        default="", description="host:port of the Prometheus page; empty turns it off"
    )
    tokens_file: Path | None = Field(default=None, description="JSON of token digests to tenant and actor")
    tls_cert_file: Path | None = Field(default=None, description="PEM certificate chain of the gRPC server")
    tls_key_file: Path | None = Field(default=None, description="PEM key of the gRPC server")
    allow_plaintext: bool = Field(
        default=False, description="serve tokens without TLS, where a mesh encrypts"
    )

    nats_url: str = Field(
        default="nats://127.0.0.1:4222", description="broker addresses, separated by commas"
    )
    nats_credentials_file: Path | None = Field(default=None, description="NATS .creds file")
    nats_ca_file: Path | None = Field(default=None, description="PEM authorities of the broker; turns TLS on")
    stream_replicas: int = Field(default=1, ge=1, le=5, description="copies of each event stream")
    stream_max_days: float = Field(
        default=14, gt=0, le=365, description="age at which an event leaves its stream"
    )
    stream_max_bytes: int = Field(
        default=4 << 30, ge=1 << 20, description="size limit of one event stream, bytes"
    )
    linger_ms: float = Field(
        default=20, ge=0, le=1000, description="wait to gather a batch of events, milliseconds"
    )

    database_url: str = Field(
        default="sqlite:///labelmesh.db", repr=False, description="sqlite:///path or postgresql://"
    )
    blob_url: str = Field(
        default="file:blobs", description="file:, memory:, s3:, gs: or az: address of contents"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otlp_endpoint: str = Field(
        default="", description="OpenTelemetry collector (http); empty turns spans off"
    )
    trace_ratio: float = Field(default=1.0, ge=0, le=1, description="share of new traces that are recorded")

    drain_seconds: float = Field(
        default=0.0, ge=0, le=300, description="from not-serving to closing the door"
    )
    grace_seconds: float = Field(
        default=10.0, ge=0, le=300, description="time for calls in flight at the end"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)

    @model_validator(mode="after")
    def _refuse_an_open_door(self) -> Self:
        for name in ("listen", "metrics_listen"):
            value = getattr(self, name)
            if value or name == "listen":
                split_address(value)
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together")
        if is_loopback(self.listen):
            return self
        if self.tokens_file is None:
            raise ValueError(f"listening on {self.listen} without tokens_file would let anybody in")
        if self.tls_cert_file is None and not self.allow_plaintext:
            raise ValueError(
                f"listening on {self.listen} without TLS would show the tokens: set tls_cert_file and "
                "tls_key_file, or allow_plaintext where the network encrypts"
            )
        return self


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`; raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `host:port`."""
    host = split_address(address)[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(cls: type[S]) -> S:
    """Settings from the environment; on a mistake one sentence on stderr and exit code 2."""
    try:
        return cls()
    except ValidationError as error:
        # Values stay out of the sentence: they may be secrets.
        faults = "; ".join(
            _fault(detail["loc"], detail["msg"]) for detail in error.errors(include_input=False)
        )
    except ValueError as error:
        faults = str(error)
    print(f"error: settings refused: {faults}", file=sys.stderr)
    raise SystemExit(2)


def _fault(where: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(where[0]).upper()}: {message}" if where else message
