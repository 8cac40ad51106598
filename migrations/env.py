"""Alembic's entry: migrates the database that `grader.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from grader.db.models import Base


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",  # it can't alter most of a table
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
