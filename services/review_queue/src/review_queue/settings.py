"""Settings of this service, LABELMESH_ in the environment."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Needs a database and a blob store beside what every service needs."""

    service: str = "review_queue"
