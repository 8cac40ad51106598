"""Bringing a database's schema to the one that the models describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine

from grader.db.models import Base
from grader.db.revisions import SCRIPTS
from grader.errors import InternalError

_ONE_AT_A_TIME = 0x636861696E  # whatever number, as long as nothing else locks it


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`. Several at a time wait for one another."""
    with _alone(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down to `revision`; `base` is the empty database."""
    with _alone(engine) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction in which tables may be made anew: SQLite can't alter most of one.

    It would take the rows that refer to a table for lost when that is replaced, so it is told to
    look at references only at the end.
    """
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")  # within a transaction it would do nothing
        try:
            with connection.begin():
                yield connection
                lost = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if lost is not None:
                    raise InternalError(
                        f"a row of {lost[0]} refers to one of {lost[2]} that is gone"
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def differences(engine: Engine) -> list[object]:
    """Where the database's schema is not that of the models; empty where it is."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
