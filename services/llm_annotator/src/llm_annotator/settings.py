"""Settings of the service, from the environment with the prefix LABELMESH_; secrets also from files."""

from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings
from llm_annotator.patience import Patience


class Settings(ServiceSettings):
    """Where llm_annotator listens, which model it asks, and how hard."""

    service: str = "llm_annotator"
    listen: str = "127.0.0.1:7402"
    llm_base_url: str = Field("https://api.openai.com/v1", description="an OpenAI-compatible endpoint")
    llm_api_key: SecretStr = Field(SecretStr(""), description="bearer token of the endpoint; may be empty")
    llm_model: str = Field(
        "gpt-4o-mini", min_length=1, max_length=200, description="model as the endpoint calls it"
    )
    concurrency: int = Field(16, ge=1, le=1_024, description="requests under way at once, a run, by default")
    max_concurrency: int = Field(1_024, ge=1, le=4_096, description="requests under way at once, all runs")
    request_timeout_seconds: float = Field(120.0, gt=0, le=3_600)
    context_tokens: int = Field(32_768, ge=256, description="longest prompt and reply of the model together")
    output_tokens: int = Field(1_024, ge=16, le=65_536, description="longest reply")
    tries: int = Field(5, ge=1, le=20, description="calls for one reply before the run is paused")
    first_wait_seconds: float = Field(0.5, gt=0, le=60)
    longest_wait_seconds: float = Field(30.0, gt=0, le=600)
    longest_retry_after_seconds: float = Field(3_600.0, gt=0, description="a Retry-After above it is cut")

    def patience(self) -> Patience:
        """How often and how long to try the endpoint."""
        return Patience(
            self.tries, self.first_wait_seconds, self.longest_wait_seconds, self.longest_retry_after_seconds
        )
