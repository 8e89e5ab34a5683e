"""Settings of the service, from the environment with the prefix LABELMESH_."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where sam_segmenter listens unless told otherwise; it keeps nothing."""

    service: str = "sam-segmenter"
    listen: str = "127.0.0.1:7404"
