"""Settings of the service, from the environment with the prefix LABELMESH_."""

from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where qa_engine listens and keeps its data unless told otherwise."""

    service: str = "qa_engine"
    listen: str = "127.0.0.1:7403"
    database_url: str = Field("sqlite:///qa_engine.db", repr=False)
