"""Real parts every suite can ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing import NatsServer, nats_server, new_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The maintenance database of a PostgreSQL server that lives as long as the session."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    return await new_database(request.getfixturevalue("postgres"))


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    """A broker of this test's own."""
    with nats_server() as server:
        yield server
