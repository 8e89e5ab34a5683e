"""Settings of the service, from the environment with the prefix LABELMESH_; secrets also from files."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import ServiceSettings
from qa_engine.webhooks.keyring import given_keys
from qa_engine.webhooks.target import gate


class Settings(ServiceSettings):
    """Where qa_engine listens and keeps its data unless told otherwise."""

    service: str = "qa_engine"
    listen: str = "127.0.0.1:7403"
    database_url: str = Field("sqlite:///qa_engine.db", repr=False)
    webhook_keys: SecretStr = Field(
        SecretStr(""),
        description="what secrets of webhooks are made from, the newest first, separated by commas; each of 16 "
        "characters or more, the same for all replicas. Empty: a file beside the SQLite database",
    )
    webhook_allow: str = Field(
        "",
        description="networks that webhooks may be sent to beside the public internet, separated by commas",
    )
    webhook_ports: str = Field(
        "443,8443",
        description="ports on the public internet that webhooks may be sent to, separated by commas",
    )
    webhook_ca_file: Path | None = Field(
        None, description="PEM authorities that endpoints of webhooks may have beside the machine's own"
    )
    webhook_log_days: float = Field(
        30, ge=1, le=365, description="how long events and deliveries of webhooks are kept"
    )

    llm_base_url: str = Field(
        "https://api.openai.com/v1",
        description="an OpenAI-compatible endpoint that drafts rules when asked to",
    )
    llm_api_key: SecretStr = Field(SecretStr(""), description="bearer token of the endpoint; may be empty")
    llm_model: str = Field(
        "gpt-4o-mini", min_length=1, max_length=200, description="model as the endpoint calls it"
    )
    request_timeout_seconds: float = Field(120.0, gt=0, le=3_600)

    @model_validator(mode="after")
    def _read_webhooks(self) -> Self:
        given_keys(self.webhook_keys.get_secret_value())
        gate(self.webhook_allow, self.webhook_ports)
        return self
