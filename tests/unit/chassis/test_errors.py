"""Errors of the platform: all mapped, all with a sentence."""

import importlib
import inspect
import pkgutil

import pytest
from grpc import StatusCode

import chassis
from chassis.errors import PLATFORM, BlobMissing, ChassisError, ErrorTable, StorageFull, reason, sentence
from chassis.interceptors import status_of


def every_error() -> set[type[Exception]]:
    """The public exception classes of the package."""
    found = set()
    for module in pkgutil.walk_packages(chassis.__path__, "chassis."):
        for value in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Exception)
                and value.__module__.startswith("chassis")
            ):
                found.add(value)
    return {cls for cls in found if not cls.__name__.startswith("_")}


def test_every_error_has_a_status_and_a_sentence() -> None:
    table = ErrorTable({})
    for cls in every_error():
        assert issubclass(cls, ChassisError), cls
        assert table.code(cls.__new__(cls)) is not None, cls
        assert sentence(cls).endswith("."), cls


def test_the_nearest_base_counts() -> None:
    class Narrow(StorageFull):
        """Narrow."""

    class Broad(LookupError):
        """Broad."""

    table = ErrorTable({LookupError: StatusCode.NOT_FOUND})
    assert table.code(Narrow()) is StatusCode.RESOURCE_EXHAUSTED
    assert table.code(Broad()) is StatusCode.NOT_FOUND
    assert table.code(ValueError()) is None
    assert set(PLATFORM) <= set(table)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("LeaseLost", "LEASE_LOST"), ("LLMFailed", "LLM_FAILED"), ("Http2Error", "HTTP2_ERROR"), ("A", "A")],
)
def test_reasons(name: str, expected: str) -> None:
    assert reason(type(name, (Exception,), {})) == expected


def test_messages_are_bounded_and_of_one_line() -> None:
    status = status_of(BlobMissing("a\nb " + "c" * 5000), StatusCode.NOT_FOUND)
    assert status.message.startswith("a b c")
    assert len(status.message) == 1000
    error = BlobMissing()
    error.metadata = {f"k{i}": "v" * 1000 for i in range(100)}
    assert status_of(error, StatusCode.NOT_FOUND).ByteSize() < 6000
