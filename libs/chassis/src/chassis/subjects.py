"""How a message type becomes a subject and a stream."""

import re
from functools import cache

from google.protobuf.descriptor import Descriptor

from chassis.errors import SubjectRefused

DEADLETTER_STREAM = "LABELMESH_DEADLETTER"
DEADLETTER_PREFIX = "labelmesh.deadletter"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"v\d+\w*")


def subject(type_name: str, project_uid: str) -> str:
    """`<full name of the message>.<project uid>`; raises SubjectRefused."""
    if not _TOKEN.fullmatch(project_uid):
        raise SubjectRefused
    return f"{type_name}.{project_uid}"


def split(value: str) -> tuple[str, str]:
    """Message name and project uid of a subject."""
    type_name, _, project_uid = value.rpartition(".")
    return type_name, project_uid


@cache
def stream_of(package: str) -> str:
    """The stream of a protobuf package: labelmesh.review.v1 is in LABELMESH_REVIEW."""
    parts = package.split(".")
    if len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        parts.pop()
    return "_".join(parts).upper()


def package_of(type_name: str) -> str:
    """The package of a message's full name; events are top-level messages."""
    return type_name.rpartition(".")[0]


def stream_for(descriptor: Descriptor) -> str:
    """The stream that carries events of this type."""
    return stream_of(descriptor.file.package)
