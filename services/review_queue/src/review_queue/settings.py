"""Settings of this service: those that every service has, LABELMESH_ in the environment."""

from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """A database, a blob store and a broker are all that this service needs."""

    seal_seconds: float = Field(
        default=5,
        ge=0.05,
        le=86_400,
        description="how often what was stored is sealed in its chain of hashes",
    )
