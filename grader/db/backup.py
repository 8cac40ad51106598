"""A copy of an SQLite database that others go on writing to."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from grader.db.session import Database
from grader.errors import InternalError


def is_a_file(database: Database) -> bool:
    """Whether the database is one that `copy_to` can copy."""
    return database.engine.dialect.name == "sqlite"


def copy_to(database: Database, path: Path) -> None:
    """Write the database as it is at this moment to a new file, which is on the disk afterwards.

    Nobody waits meanwhile. Raises InternalError where the copy is damaged.
    """
    raw = database.engine.raw_connection()
    try:
        source = raw.driver_connection
        assert isinstance(source, sqlite3.Connection)
        with closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
            (said,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    finally:
        raw.close()
    if said != "ok":
        raise InternalError(f"the database is damaged: {said}")
    with path.open("rb") as file:
        os.fsync(file.fileno())
