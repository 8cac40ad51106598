"""Bringing a database's schema to the one that the models describe."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from grader.db.models import Base

SCRIPTS = Path(__file__).parent.parent.parent / "migrations"


# It says with each look at a revision which database it is looking at.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

_ONE_AT_A_TIME = 0x636861696E  # whatever number, as long as nothing else locks it


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`. Several at a time wait for one another."""
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down to `revision`; `base` is the empty database."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def differences(engine: Engine) -> list[object]:
    """Where the database's schema is not that of the models; empty where it is."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def revision(engine: Engine) -> str | None:
    """The revision of a database's schema; None where it has none yet."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str | None:
    """The revision that a database of this version has."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def is_known(revision: str | None) -> bool:
    """Whether this version has heard of a revision: not of a newer one."""
    scripts = ScriptDirectory(str(SCRIPTS)).walk_revisions()
    return revision is None or revision in {script.revision for script in scripts}


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
