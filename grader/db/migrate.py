"""Bringing a database's schema to the one that the models describe."""

from __future__ import annotations

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


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`."""
    with engine.begin() as connection:
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


@cache
def head() -> str | None:
    """The revision that a database of this version has."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
