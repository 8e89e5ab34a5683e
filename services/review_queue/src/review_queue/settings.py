"""Settings of this service: those that every service has, LABELMESH_ in the environment."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """A database, a blob store and a broker are all that this service needs."""
