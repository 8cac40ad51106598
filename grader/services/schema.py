"""The database's schema: bringing it to this version's, and refusing to work on another one."""

from __future__ import annotations

import logging

from grader.db.revisions import head, is_known, revision
from grader.errors import Conflict
from grader.services.site import Site

log = logging.getLogger(__name__)


def migrate(site: Site) -> tuple[str | None, str | None]:
    """Bring the schema up to this version's: the revisions before and after.

    Raises Conflict, and changes nothing, where the database is of a newer version.
    """
    from grader.db.migrate import upgrade  # Alembic; nobody else needs it

    before = _found(site)
    if not is_known(before):
        raise Conflict(_newer(before))
    upgrade(site.database.engine)
    return before, _found(site)


def check_schema(site: Site) -> None:
    """Raise Conflict where the schema is older than this version's.

    Under a newer one, what was started before an upgrade goes on.
    """
    found = _found(site)
    if not is_known(found):
        log.warning(_newer(found))
    elif found != head():
        raise Conflict(
            f"the database's schema is {found or 'not there yet'}, and this version needs "
            f"{head()}: run chainrule migrate"
        )


def _found(site: Site) -> str | None:
    with site.database.reading() as session:
        return revision(session)


def _newer(found: str | None) -> str:
    return (
        f"the database's schema is {found}, of which this version knows nothing: it is of a "
        "newer version"
    )
