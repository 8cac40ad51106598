"""One warm installation for each kind of database, on parts of its own that can be taken away.

Whatever a test has done to it, the next one finds it with its workers and with all that was ever
handed in, for which it answers again.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import KINDS
from tests.faults._parts import PostgresServer, RedisServer, SmallDisk
from tests.faults._place import Place, place_at

_numbers = itertools.count()


@pytest.fixture(scope="session")
def own_postgresql(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server that nobody else's tests stand on."""
    server = PostgresServer(folder / "server")
    yield server
    server.close()


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        yield Path(name)


@pytest.fixture(scope="session", params=KINDS)
def warm(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """The installation."""
    number = next(_numbers)  # a process may need one of a kind again, after the other kind
    own = folder / f"{request.param}-{number}"
    own.mkdir()
    disk = SmallDisk(own / "disk")
    redis = RedisServer(own)
    redis.start()
    postgres = None
    url = f"sqlite:///{disk.folder}/chainrule.db"
    if request.param == "postgresql":
        postgres = request.getfixturevalue("own_postgresql")
        url = postgres.create(f"faults_{number}")
    made = place_at(url, own, redis, disk=disk, postgres=postgres)
    yield made
    made.close()
    left = made.leftovers.of_others_than(set())
    made.site.close()
    redis.stop()
    disk.close()
    assert not left


@pytest.fixture
def place(warm: Place) -> Iterator[Place]:
    """The installation with its workers."""
    warm.at_full_strength()
    yield warm
    warm.print_logs()
