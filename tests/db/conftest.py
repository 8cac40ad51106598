"""Every test of this folder runs on SQLite and on PostgreSQL."""

from tests.databases import (  # noqa: F401 - fixtures
    database,
    database_url,
    empty,
    migrated_postgresql,
    migrated_sqlite,
    postgresql,
)
