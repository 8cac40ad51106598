"""Which schema a database has and which this version needs: asked at each start, without Alembic,
which takes long to import."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from grader.errors import InternalError

SCRIPTS = Path(__file__).parent.parent.parent / "migrations"


def revision(session: Session) -> str | None:
    """The revision of a database's schema; None where it has none yet."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    found = session.scalars(text("SELECT version_num FROM alembic_version"))
    return found.one_or_none()


def head() -> str:
    """The revision that a database of this version has."""
    return _all()[-1]


def is_known(revision: str | None) -> bool:
    """Whether this version has heard of a revision: not of a newer one."""
    return revision is None or revision in _all()


@cache
def _all() -> list[str]:
    # A script's name begins with its revision; each follows the one before.
    names = sorted(script.name.split("_")[0] for script in SCRIPTS.glob("versions/*.py"))
    if not names:
        raise InternalError(f"the migrations are not where they belong: {SCRIPTS}")
    return names
