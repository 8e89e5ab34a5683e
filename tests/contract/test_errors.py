"""Every error that a service can raise has a gRPC status, a sentence and a reason of its own."""

import importlib
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

import pytest

import labels
from chassis.errors import ErrorTable, reason

SERVICES = [
    name
    for name in ("llm_annotator", "qa_engine", "review_queue", "sam_segmenter")
    if find_spec(name) is not None
]


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """The package and everything in it but its entry point and its migrations."""
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(".__main__") and ".migrations" not in found.name:
            yield importlib.import_module(found.name)


def errors_of(package: ModuleType) -> set[type[Exception]]:
    """The exception classes that a package defines."""
    return {
        value
        for module in modules(package)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__
    }


def table_of(package: ModuleType) -> ErrorTable:
    """The service's one STATUS, wherever it is defined; a plain mapping becomes the table that it is served with."""
    found = {id(m.STATUS): m.STATUS for m in modules(package) if hasattr(m, "STATUS")}
    (status,) = found.values()
    return status if isinstance(status, ErrorTable) else ErrorTable(status)


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_has_a_status(service: str) -> None:
    package = importlib.import_module(service)
    table = table_of(package)
    mapped = set(table)
    unmapped = {
        error.__qualname__
        for error in errors_of(package) | errors_of(labels)
        if not mapped.intersection(error.__mro__)
    }
    assert not unmapped


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_says_a_sentence(service: str) -> None:
    for error in errors_of(importlib.import_module(service)) | errors_of(labels):
        sentence = (error.__doc__ or "").strip()
        assert sentence.endswith("."), f"{error.__qualname__} has no sentence"


@pytest.mark.parametrize("service", SERVICES)
def test_a_reason_means_one_thing(service: str) -> None:
    package = importlib.import_module(service)
    table = table_of(package)
    classes = defaultdict(set)
    for error in errors_of(package) | errors_of(labels) | set(table):
        classes[reason(error)].add(error)
    assert {why: same for why, same in classes.items() if len(same) > 1} == {}
